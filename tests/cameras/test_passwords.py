"""The passwords of cameras and brokers are in nothing that a run writes, shows, or lets others see of it."""

import base64
import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
import yaml

from tests.brokers import PASSWORD as BROKER_PASSWORD
from tests.brokers import USER, Mosquitto
from tests.cameras.graphs import camera_graph
from tests.cameras.serving import RtspServer
from tests.launching import PROJECT, Launched, lines, wait_for

PASSWORD = "ge:h/eim%20 x"
BLABBER = '''
import dataclasses
import faulthandler
import os
import sys
import time
from urllib.parse import unquote

from framegraph.properties import prop
from framegraph.stage import Source


class Blabber(Source):
    """A live source whose library tells everything: on standard error, when it crashes, in its exceptions."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        uri: str = prop("", "With a password.")
        marker: str = prop("", "A file that remembers that it has crashed.")
        raises_in: str = prop("frames", "Where.", choices=("open", "frames"))

    @classmethod
    def is_live(cls, options):
        return True

    def open(self):
        if self.options.raises_in == "open":
            self.fail()

    def fail(self):
        raise RuntimeError(f"cannot connect to {self.options.uri} with {unquote(self.options.uri)}")

    def frames(self, resume):
        uri = self.options.uri
        user = unquote(uri.partition("://")[2].rpartition("@")[0])
        os.write(2, f"[tcp @ 0x55] {uri} failed for {user!r}, {user}\\nand a line without end: {uri}".encode())
        self.log.warning("trying %s", uri)
        if not os.path.exists(self.options.marker):
            open(self.options.marker, "w").close()
            faulthandler.enable()
            os.abort()
        self.fail()
        yield
'''


def forms(user: str, password: str) -> set[str]:
    """What a password looks like: as it is, in an address, in Python's quotes, and in a header of HTTP's or RTSP's basic login."""
    header = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {password, quote(password, safe=""), repr(password)[1:-1], header}


def assert_none(found: dict[str, str], *secrets: set[str]) -> None:
    assert found
    for place, text in found.items():
        for form in set().union(*secrets):
            assert form not in text, f"{place}: {text[max(0, text.find(form) - 200) :][:400]}"


def files_in(*folders: Path) -> dict[str, str]:
    """The words of all files there; of a pixel pool those before the pixels."""
    found = {}
    for path in (path for folder in folders for path in folder.rglob("*")):
        with contextlib.suppress(OSError):
            if path.is_file():
                with path.open("rb") as file:
                    found[str(path)] = file.read(1 << 20).decode(errors="replace")
    return found


def processes(run: Launched) -> dict[str, str]:
    """Every command line of this machine, and what the children of a run have in their environment."""
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        found[f"command line of {process.pid}"] = "\n".join(process.info["cmdline"] or [])
    for child in run.children():
        found[f"environment of {child.pid}"] = "\n".join(f"{k}={v}" for k, v in child.environ().items())
    return found


@contextlib.contextmanager
def terminal() -> Iterator[tuple[str, list[bytes]]]:
    """A terminal: its name, and what was written on it so far."""
    reading, writing = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(reading, 65536):
                shown.append(data)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield os.ttyname(writing), shown
    finally:
        os.close(writing)
        thread.join(timeout=10)
        os.close(reading)


def launcher(folder: Path, env: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(PROJECT / "launcher.py"), *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_no_password_is_in_anything_that_a_run_shows_or_leaves(tmp_path: Path) -> None:
    """A camera that plays, one whose password is wrong, events to a broker; everything that can be asked of them."""
    env = {"CAM_PASSWORD": PASSWORD, "WRONG": f"wrong-{PASSWORD}", "BROKER": BROKER_PASSWORD}
    secrets = forms("user", PASSWORD), forms("user", env["WRONG"]), forms(USER, BROKER_PASSWORD)
    with (
        RtspServer("--auth", "basic", password=PASSWORD) as camera,
        Mosquitto(tmp_path, with_password=True) as broker,
        terminal() as (tty, shown),
    ):
        broker.start()
        graph = camera_graph(
            tmp_path,
            {
                "door": {"uri": camera.url(user="user:${CAM_PASSWORD}")},
                "yard": {"uri": camera.url(user="user:${WRONG}")},
            },
        )
        described = yaml.safe_load(graph.read_text())
        described["stages"]["people"] = {"type": "cheap_stages.Passers"}
        described["stages"]["events"] = {
            "type": "events_sink",
            "location": "out/{source}-events.jsonl",
            "broker": f"mqtt://{USER}:${{BROKER}}@127.0.0.1:{broker.port}",
        }
        described["links"].append("look ! people ! events")
        graph.write_text(yaml.safe_dump(described))
        # In a shell that gives the launcher its terminal, and then becomes it.
        through = ("sh", "-c", f'exec "$@" 2>{tty}', "sh")
        arguments = ("--verbose", "--trace", "out/trace.json")
        with Launched(
            graph, *arguments, folder=tmp_path, env={**env, "COLUMNS": "300"}, through=through
        ) as run:
            wait_for(lambda: len(lines(tmp_path / "out/door.jsonl")) > 20, "frames", run)
            wait_for(lambda: b"auth" in b"".join(shown), "word of the wrong password", run)
            wait_for(lambda: b"events go to" in b"".join(shown), "word of the broker", run)
            command = {**env, "TMPDIR": str(run.temporary)}
            found = {
                "list": launcher(tmp_path, command, "list"),
                "list --json": launcher(tmp_path, command, "list", "--json"),
                **processes(run),
                **files_in(run.temporary),
                **{name: text for name, text in files_in(Path("/dev/shm")).items() if "door" in name},
            }
            assert any("/dev/shm" in name for name in found)
            run.signal(signal.SIGINT)
            assert run.wait() == 130
            found["summary"] = run.stdout
        found["live table"] = b"".join(shown).decode()
    assert "captured/s" in found["live table"]
    for words in (("--draw", "svg"), ("--draw", "mermaid"), ("--check",)):
        found[" ".join(words)] = launcher(tmp_path, env, str(graph), *words)
    found["trace"] = launcher(tmp_path, env, "trace", "out/trace.json", "--frame", "door:10")
    written = files_in(tmp_path / "out")
    assert {Path(name).name for name in written} >= {
        "door.jsonl",
        "door-events.jsonl",
        "ledger.json",
        "trace.json",
    }
    assert_none({**found, **written}, *secrets)


@pytest.mark.parametrize("raises_in", ["open", "frames"])
@pytest.mark.slow
def test_no_password_is_in_what_a_crash_leaves(tmp_path: Path, raises_in: str) -> None:
    """A source that writes its address on standard error, aborts, and at last raises it as an exception."""
    graph = camera_graph(tmp_path, {})
    (tmp_path / "blabber.py").write_text(BLABBER)
    described = yaml.safe_load(graph.read_text())
    described["stages"]["door"] = {
        "type": "blabber.Blabber",
        "uri": "rtsp://user:${CAM_PASSWORD}@host/x",
        "marker": str(tmp_path / "has-crashed"),
        "raises-in": raises_in,
    }
    described["links"].append("door ! look")
    graph.write_text(yaml.safe_dump(described))
    with Launched(graph, "--verbose", folder=tmp_path, env={"CAM_PASSWORD": PASSWORD}) as run:
        assert run.wait() == 1
        found = {"standard output": run.stdout, "standard error": run.stderr, **files_in(run.temporary)}
        assert "cannot connect to rtsp://host/x" in run.stderr
        assert "Fatal Python error: Aborted" in run.stderr or raises_in == "open"
    found |= files_in(tmp_path / "out")
    assert_none(found, forms("user", PASSWORD))
    assert not list(tmp_path.rglob("core*"))
