"""Cameras in a running graph: they go and come back, misbehave, hang, and never tell their passwords."""

import contextlib
import itertools
import json
import os
import re
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cameras.graphs import camera_graph
from tests.cameras.serving import (
    RtspServer,
    closed_port,
    half_frame_server,
    silent_server,
    swallowing_port,
)
from tests.launching import Launched, lines, seqs, wait_for

PASSWORD = "ge:h/eim%20 x"
ENCODED = "ge%3Ah%2Feim%2520%20x"
QUICK = {"retry-delay": 0.2, "max-retry-delay": 0.5, "restart-timeout": 1.0, "open-timeout": 2.0}


def ledger_of(folder: Path) -> dict[str, Any]:
    ledger: dict[str, Any] = json.loads((folder / "out/ledger.json").read_text())
    return ledger


def count(folder: Path, camera: str) -> int:
    return len(lines(folder / f"out/{camera}.jsonl"))


def assert_no_hole(records: list[dict[str, Any]]) -> None:
    """Every frame from the first to the last has a record, or stands in a dropped stretch."""
    covered = seqs(records)
    for record in records:
        if "from_seq" in record:
            covered.extend(range(record["from_seq"], record["to_seq"] + 1))
    assert sorted(covered) == list(range(max(covered) + 1))


def test_a_camera_comes_back_the_other_loses_nothing_and_no_password_is_told(tmp_path: Path) -> None:
    """1. Two cameras, one with a password; nobody serves the first one at first.
    2. It comes, goes, comes back. 3. Ctrl-C. 4. Look for the password everywhere.
    """
    graph = camera_graph(
        tmp_path,
        {"door": {"uri": "not yet known", **QUICK}, "yard": {"uri": "rtsp://127.0.0.1:1/x", **QUICK}},
    )
    with RtspServer("--auth", "digest", password=PASSWORD) as door, RtspServer("--fps", "15") as yard:
        door.kill()
        arguments = [
            *("--set", f"door.uri={door.url(user='user:${CAM_PASSWORD}')}"),
            *("--set", f"yard.uri={yard.url()}"),
        ]
        env = {"CAM_PASSWORD": PASSWORD, "ALSO": f"rtsp://user:{ENCODED}@host/x"}
        with Launched(graph, *arguments, "--verbose", folder=tmp_path, env=env) as launched:
            wait_for(lambda: count(tmp_path, "yard") > 3, "frame of the one that is there", launched)
            wait_for(lambda: "retrying: refused" in launched.stderr, "word of the absent one", launched)
            door.start()
            wait_for(lambda: count(tmp_path, "door") > 3, "frame of the one that came", launched)
            found = [seen_from_outside(process) for process in launched.children()]
            assert len(found) >= 4
            door.kill()
            before = count(tmp_path, "door")
            wait_for(lambda: launched.stderr.count("retrying: ") > 2, "word of the loss", launched)
            door.start()
            wait_for(lambda: count(tmp_path, "door") > before + 3, "frame after the loss", launched)
            found.extend(seen_from_outside(process) for process in launched.children())
            found.extend(head_of(path) for path in launched.temporary.rglob("*") if path.is_file())
            launched.signal(signal.SIGINT)
            assert launched.wait() == 130
            found.extend([launched.stdout, launched.stderr])
    records = lines(tmp_path / "out/yard.jsonl")
    assert_no_hole(records)
    ledger = ledger_of(tmp_path)
    assert ledger["balanced"]
    assert ledger["outage_s"]["door"] > 0.5 > ledger["outage_s"]["yard"] - 10
    assert set(ledger["latency"]["door"]["results"]["committed_ms"]) == {"p50", "p95", "p99"}
    assert "latency of door, from capture to results: p50 " in launched.stdout
    found.extend(path.read_text(errors="replace") for path in (tmp_path / "out").rglob("*") if path.is_file())
    for text in found:
        assert PASSWORD not in text
        assert ENCODED not in text


def head_of(path: Path) -> str:
    """The words of a file in the run folder; of a pixel pool those before the pixels."""
    with path.open("rb") as file:
        return file.read(1 << 20).decode(errors="replace")


def seen_from_outside(process: psutil.Process) -> str:
    """What /proc tells of a child to who may read it."""
    return "\n".join([*process.cmdline(), *(f"{name}={value}" for name, value in process.environ().items())])


@pytest.mark.slow
def test_each_misbehaving_camera_has_its_cause_and_harms_nobody(tmp_path: Path) -> None:
    """Seven bad cameras beside a good one: causes, CPU, no hang, and Ctrl-C while they are in every state."""
    with contextlib.ExitStack() as stack:
        good = stack.enter_context(RtspServer("--auth", "digest", password="right-word"))
        port = {
            "closed": stack.enter_context(closed_port()),
            "swallowing": stack.enter_context(swallowing_port()),
            "silent": stack.enter_context(silent_server()),
            "half": stack.enter_context(half_frame_server()),
        }
        cameras = {name: {"uri": f"rtsp://127.0.0.1:{number}/x", **QUICK} for name, number in port.items()}
        cameras["good"] = {"uri": good.url(user="user:${RIGHT}"), **QUICK}
        cameras["password"] = {"uri": good.url(user="user:${WRONG}"), **QUICK}
        cameras["path"] = {"uri": good.url("/none", user="user:${RIGHT}"), **QUICK}
        cameras["name"] = {"uri": "rtsp://no-such-host.invalid/x", **QUICK}
        for properties in cameras.values():
            properties["timeout"] = 3
        causes = {
            "closed": "refused (Connection refused)",
            "swallowing": "time-out (no connection within 2 s)",
            "silent": "time-out (no connection within 2 s)",
            "half": "time-out",
            "password": "auth (user or password is wrong)",
            "path": "not found (the server has no such stream)",
            "name": "not found (the name of the host is not known)",
        }
        graph = camera_graph(tmp_path, cameras)
        env = {"RIGHT": "right-word", "WRONG": "wrong-word"}
        with Launched(graph, folder=tmp_path, env=env) as launched:

            def has_said(line: re.Pattern[str]) -> bool:
                return line.search(launched.stderr) is not None

            for name, cause in causes.items():
                line = re.compile(rf"{name}\.0 .*: retrying: {re.escape(cause)}")
                wait_for(partial(has_said, line), f"'{cause}' of {name}", launched)
            processes = {name: launched.child(f"{name}.0") for name in causes}
            before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
            began_s, frames = time.monotonic(), count(tmp_path, "good")
            wait_for(lambda: count(tmp_path, "good") > frames + 50, "50 frames more", launched)
            span_s = time.monotonic() - began_s
            for name, process in processes.items():
                share = (sum(process.cpu_times()[:2]) - before[name]) / span_s
                # Far below a loop that turns without pause, which takes a whole core or its share of one.
                assert share < 0.25, f"{name} takes {share:.0%} of a core"
            launched.signal(signal.SIGINT)
            began_s = time.monotonic()
            assert launched.wait() == 130
            assert time.monotonic() - began_s < 20
        assert "hangs" not in launched.stderr
        assert "wrong-word" not in launched.stderr
    assert_no_hole(lines(tmp_path / "out/good.jsonl"))
    ledger = ledger_of(tmp_path)
    assert ledger["restarts"] == {}
    assert ledger["sources"]["good"]["captured"] > 50
    assert all(ledger["outage_s"][name] > 5 for name in causes)


@pytest.mark.slow
def test_an_absent_camera_takes_no_memory_no_descriptors_and_few_lines(tmp_path: Path) -> None:
    with closed_port() as port:
        camera = {"uri": f"rtsp://127.0.0.1:{port}/x", "retry-delay": 0.05, "max-retry-delay": 0.05}
        graph = camera_graph(tmp_path, {"camera": camera})
        with Launched(graph, "--quiet", folder=tmp_path) as launched:

            def told(attempt: int) -> bool:
                return f"; attempt {attempt} in" in launched.stderr

            wait_for(lambda: told(32), "32 attempts", launched)
            process = launched.child("camera.0")
            descriptors, memory = process.num_fds(), process.memory_info().rss
            wait_for(lambda: told(256), "256 attempts", launched)
            assert process.num_fds() <= descriptors + 1
            assert process.memory_info().rss < memory + 8e6
            launched.signal(signal.SIGTERM)
            assert launched.wait() == 143
            assert len(launched.stderr.splitlines()) < 20


@pytest.mark.slow
def test_a_slow_detector_gets_fresh_frames_and_what_it_cannot_take_is_leaky(tmp_path: Path) -> None:
    with RtspServer("--fps", "20") as server:
        graph = camera_graph(tmp_path, {"camera": {"uri": server.url(), "window": 3}}, sleep_ms=100)
        with Launched(graph, folder=tmp_path) as launched:
            wait_for(lambda: count(tmp_path, "camera") > 150, "150 frames", launched)
            launched.signal(signal.SIGINT)
            assert launched.wait() == 130
    ledger = ledger_of(tmp_path)
    sums = ledger["sources"]["camera"]
    assert sums["dropped"]["leaky"] > 0.3 * sums["captured"]
    records = lines(tmp_path / "out/camera.jsonl")
    assert_no_hole(records)
    after_drops = [record for before, record in itertools.pairwise(records) if "from_seq" in before]
    assert all("DISCONT" in record["flags"] for record in after_drops)
    # (window + 1) detector times + 200 ms, in classes of 10 %: bounded by the window, not by speed.
    assert ledger["latency"]["camera"]["results"]["received_ms"]["p95"] < 1.1 * (4 * 100 + 200) + load_ms()


def load_ms() -> float:
    """Room for a machine that others use too: a detector time is longer there by their share."""
    return 400.0 * max(0.0, os.getloadavg()[0] / (os.cpu_count() or 1) - 0.5)
