"""A camera's process that stands still inside a library is killed and started again; nobody else is harmed."""

import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from tests.cameras.endless_jpeg import endless_jpeg
from tests.cameras.graphs import camera_graph
from tests.cameras.http_cameras import mjpeg_camera
from tests.cameras.serving import RtspServer
from tests.cameras.test_cameras import QUICK, assert_no_hole, count, ledger_of
from tests.launching import DEADLINE_S, Launched, lines, wait_for


def test_a_source_that_stands_in_a_call_is_killed_and_goes_on(tmp_path: Path) -> None:
    graph = camera_graph(tmp_path, {})
    text = graph.read_text().replace("links:\n", "links:\n- stuck ! look\n")
    marker = tmp_path / "has-stood"
    described = f"{{type: cheap_stages.Stuck, timeout: 1, step-s: 1.0, marker: {marker}}}"
    graph.write_text(text.replace("stages:\n", f"stages:\n  stuck: {described}\n"))
    with Launched(graph, folder=tmp_path) as launched:
        assert launched.wait() == 0
    assert "hangs: its input gave no sign of life for 1 s (timeout); killing it" in launched.stderr
    assert_no_hole(lines(tmp_path / "out/stuck.jsonl"))
    assert ledger_of(tmp_path)["sources"]["stuck"]["captured"] == 20


BURST_FRAMES = 20


@pytest.mark.slow
@pytest.mark.parametrize("pictures_before", [0, 5])
def test_a_decoder_that_hangs_is_killed_and_the_other_camera_is_unharmed(
    tmp_path: Path, pictures_before: int
) -> None:
    """A picture that FFmpeg decodes for minutes in one call: as the first one it hangs opening the stream.

    The first connection meets it, the second one does not; the third does, and is left by Ctrl-C.
    """
    bomb, fine = endless_jpeg(), [noise_jpeg(number) for number in range(5)]
    has_sent: set[int] = set()

    def show(connection: int) -> Iterator[bytes]:
        if connection == 1:
            yield from fine * 4
        else:
            yield from [*fine[:pictures_before], bomb]
            has_sent.add(connection)
            time.sleep(DEADLINE_S)

    with mjpeg_camera(show, pause_s=0.1) as uri, RtspServer() as yard:
        cameras = {"hard": {"uri": uri, "timeout": 2, **QUICK}, "yard": {"uri": yard.url(), **QUICK}}
        graph = camera_graph(tmp_path, cameras)
        with Launched(graph, folder=tmp_path) as launched:
            wait_for(lambda: count(tmp_path, "yard") > 3, "frame of the good one", launched)
            hung, yards = launched.child("hard.0").pid, launched.child("yard.0").pid
            said = "hangs: its input gave no sign of life for 2 s (timeout); killing it"
            wait_for(lambda: said in launched.stderr, "word of the hang", launched)
            before = count(tmp_path, "yard")
            wait_for(lambda: count(tmp_path, "hard") > pictures_before + 15, "frames after it", launched)
            assert launched.child("hard.0").pid != hung
            assert launched.child("yard.0").pid == yards
            assert count(tmp_path, "yard") > before
            wait_for(lambda: 2 in has_sent, "third connection", launched)
            process = launched.child("hard.0")
            used_s = cpu_s(process)
            wait_for(lambda: cpu_s(process) > used_s + 0.3, "next hang", launched)
            launched.signal(signal.SIGINT)
            began_s = time.monotonic()
            assert launched.wait() == 130
            assert time.monotonic() - began_s < 20
    ledger = ledger_of(tmp_path)
    assert ledger["balanced"]
    assert set(ledger["restarts"]) == {"hard.0"}
    for name in ("hard", "yard"):
        assert_no_hole(lines(tmp_path / f"out/{name}.jsonl"))
    # What the server sends at once at the start may be more than a stage that loads can take.
    dropped = [record for record in lines(tmp_path / "out/yard.jsonl") if "from_seq" in record]
    assert all(one["to_seq"] < BURST_FRAMES or one["status"] == "flushed" for one in dropped)
    first_after = lines(tmp_path / "out/hard.jsonl")[pictures_before]
    assert "DISCONT" in first_after["flags"]
    assert first_after["epoch"] == bool(pictures_before)


def noise_jpeg(number: int) -> bytes:
    noise = np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", noise)[1])


def cpu_s(process: psutil.Process) -> float:
    """How long a process has computed; without end, if it has been killed."""
    try:
        return sum(process.cpu_times()[:2])
    except psutil.NoSuchProcess:
        return math.inf
