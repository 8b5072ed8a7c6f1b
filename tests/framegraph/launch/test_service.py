"""A launcher as a service: what it tells who started it, and how far the unit shuts it in."""

import itertools
import os
import re
import signal
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from framegraph.launch.service import Service
from tests.debian import needs
from tests.launching import PROJECT, Launched, lines, wait_for
from tests.system.graphs import CHEAP

WATCHDOG_US = 400_000
UNIT = PROJECT / "deploy/fashion-pipeline.service"
MOST_EXPOSED = 4.0


class Manager:
    """The other end of NOTIFY_SOCKET: remembers what was said, when, and whether the file `loaded` was there."""

    def __init__(self, address: str, loaded: Path) -> None:
        self.address = address
        self.loaded = loaded
        self.was_loaded: dict[str, bool] = {}
        self.said: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while words := self._socket.recv(4096):
            for word in words.decode().split("\n"):
                self.was_loaded.setdefault(word, self.loaded.exists())
                self.said.append((time.monotonic(), word))

    def times_of(self, word: str) -> list[float]:
        return [at_s for at_s, said in self.said if said == word]

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RD)
        self._thread.join()
        self._socket.close()


@pytest.fixture(params=["a file"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = f"@test-{os.getpid()}" if request.param == "an abstract name" else str(tmp_path / "notify")
    made = Manager(address, tmp_path / "loaded")
    yield made
    made.close()


def slow_graph(folder: Path) -> Path:
    """Stages that take their time to load, and then run for ever."""
    (folder / "cheap_stages.py").write_text((CHEAP / "cheap_stages.py").read_text())
    path = folder / "graph.yaml"
    path.write_text(
        "pipeline: shop\n"
        "stages:\n"
        "  tick: {type: cheap_stages.Ticker, fps: 50}\n"
        "  work: {type: cheap_stages.Work, open-sleep-s: 0.5, opens-once: loaded}\n"
        "  results: {type: json_sink, location: out/results.jsonl}\n"
        "links: [tick ! work ! results]\n"
    )
    return path


@pytest.mark.slow
def test_the_manager_hears_when_all_run_that_it_is_alive_and_when_it_stops(
    tmp_path: Path, manager: Manager
) -> None:
    env = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": str(WATCHDOG_US)}
    with Launched(slow_graph(tmp_path), folder=tmp_path, env=env) as run:
        work = run.child("work.0")
        wait_for(lambda: manager.times_of("READY=1"), "word that all run", run)
        assert manager.was_loaded["READY=1"]
        assert not manager.was_loaded["WATCHDOG=1"], "it is alive before"
        assert "STATUS=running shop" in [word for _at, word in manager.said]
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) > 1, "frames", run)
        for child in run.children():
            assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & child.environ().keys(), child.cmdline()
        ready_at_s = manager.times_of("READY=1")[0]
        wait_for(
            lambda: manager.times_of("WATCHDOG=1")[-1] > ready_at_s + 1.0, "a second with the watchdog", run
        )
        assert not manager.times_of("STOPPING=1")
        run.signal(signal.SIGTERM)
        assert run.wait() == 143, run.stderr
        assert not work.is_running() or work.status() == psutil.STATUS_ZOMBIE
    fed_at_s = manager.times_of("WATCHDOG=1")
    # Twice as often as systemd wants it; now and then this machine has other work.
    gaps_s = [after - before for before, after in itertools.pairwise(fed_at_s)]
    assert WATCHDOG_US / 2e6 <= statistics.median(gaps_s) < WATCHDOG_US / 1e6
    assert len(fed_at_s) >= 5
    assert len(manager.times_of("READY=1")) == len(manager.times_of("STOPPING=1")) == 1
    assert [word for _at, word in manager.said if word.startswith("STATUS=")] == [
        "STATUS=running shop",
        "STATUS=finishing what is under way",
    ]


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({"NOTIFY_SOCKET": "/nowhere/notify", "WATCHDOG_USEC": "1000000"}, id="nobody listens"),
        pytest.param({"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "soon"}, id="nothing that can be read"),
    ],
)
def test_a_manager_that_does_not_hear_is_no_reason_to_end(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str]
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    service = Service()
    assert not env.keys() & os.environ.keys()
    service.notify("READY=1")
    for _round in range(3):
        service.alive()


def test_the_watchdog_is_fed_at_half_its_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now_s = [100.0]
    monkeypatch.setattr("framegraph.launch.service.time.monotonic", lambda: now_s[0])
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(10_000_000))
    service, said = Service(), list[float]()
    monkeypatch.setattr(service, "notify", lambda *_words: said.append(now_s[0]))
    while now_s[0] < 121:
        service.alive()
        now_s[0] += 0.5
    assert said == [100.0, 105.0, 110.0, 115.0, 120.0]


@pytest.mark.parametrize("manager", ["a file", "an abstract name"], indirect=True)
def test_without_a_watchdog_none_is_fed(monkeypatch: pytest.MonkeyPatch, manager: Manager) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    service = Service()
    for _round in range(3):
        service.alive()
    service.notify("READY=1", "STATUS=running")
    wait_for(lambda: len(manager.said) > 1, "words")
    assert [word for _at, word in manager.said] == ["READY=1", "STATUS=running"]


def test_the_unit_waits_for_the_word_that_all_run_and_wants_to_hear_of_it() -> None:
    text = UNIT.read_text()
    for setting in ("Type=notify", "NotifyAccess=main", "KillMode=mixed"):
        assert f"\n{setting}\n" in text
    assert re.search(r"^WatchdogSec=\d+$", text, re.MULTILINE)


def test_the_unit_is_shut_in() -> None:
    needs("systemd")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    found = re.search(r"Overall exposure level for fashion-pipeline\.service: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) < MOST_EXPOSED
