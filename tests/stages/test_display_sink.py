"""The window: timing with a made-up clock, then a real window on a screen in memory (Xvfb)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fashion_pipeline.stages.display_sink import DisplaySink, screen_problem
from fashion_pipeline.stages.media.pace import Pace
from framegraph.errors import GraphError
from framegraph.properties import read_options
from tests.debian import needs

PROJECT = Path(__file__).resolve().parents[2]
NS = 10**9
DEADLINE_S = 120


@pytest.mark.parametrize(
    ("shown", "waits_s"),
    [
        ([], []),
        # (time stamp, clock) of each frame, in seconds: the first at once, the next ones when they are due.
        ([(5.0, 100.0), (5.1, 100.02), (5.2, 100.1)], [0, 0.08, 0.1]),
        # A little late: at once, and the clock stays.
        ([(0, 10), (0.1, 10.3), (0.4, 10.35)], [0, 0, 0.05]),
        # Very late: at once, and the clock moves, so that the next frame is not chased.
        ([(0, 10), (0.1, 15.0), (0.2, 15.0)], [0, 0, 0.1]),
        # A hole in the stream is not waited for beyond the limit.
        ([(0, 10), (60, 10.0), (60.1, 12.0)], [0, 2, 0.1]),
    ],
)
def test_frames_are_due_at_their_time_stamps(shown: list[tuple[float, float]], waits_s: list[float]) -> None:
    pace = Pace(max_wait_s=2.0)
    found = [pace.wait_s(round(stamp_s * NS), now_s) for stamp_s, now_s in shown]
    assert found == pytest.approx(waits_s, abs=1e-6)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "DISPLAY is not set; take the stage out, or use ssh -X"),
        ({"DISPLAY": ":7654"}, "there is none at DISPLAY=:7654; set DISPLAY to one"),
        ({"DISPLAY": "far:0"}, ""),  # another machine's: only connecting would tell
        ({"WAYLAND_DISPLAY": "wayland-0"}, ""),
    ],
)
def test_a_missing_screen_is_one_sentence(environment: dict[str, str], said: str) -> None:
    problem = screen_problem(environment)
    assert said in problem
    assert bool(problem) == bool(said)


def test_a_graph_with_a_window_but_no_screen_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(GraphError, match="display_sink needs a screen"):
        DisplaySink.check(read_options(DisplaySink.Options, {}))


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A screen of 640 x 480 in memory: its DISPLAY, and the file that holds its pixels."""
    needs("xvfb")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24", "-fbdir", str(tmp_path)]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as said:
            number = said.readline().strip()
        yield f":{number}", tmp_path / "Xvfb_screen0"
        server.terminate()


SHOW = """
import sys
import cv2, numpy as np
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context
from fashion_pipeline.stages.display_sink import DisplaySink

keys = iter(sys.argv[2])
real_wait, shown = cv2.waitKey, []
def wait_key(delay_ms):
    # The key is pressed by us, the window is served all the same.
    real_wait(delay_ms)
    return ord(next(keys, "."))
cv2.waitKey = wait_key
options = read_options(DisplaySink.Options, {"title": "people"})
DisplaySink.check(options)
sink = DisplaySink(options, Context(name="screen", source="camera"))
sink.open()
for seq in range(6):
    packet = Packet(source="camera", seq=seq, running_ns=seq * 20_000_000, size_wh=(200, 100))
    packet.image_bgr = np.full((100, 200, 3), (10, 20, 250), np.uint8)
    packet.meta["people"] = [{"box": [20, 20, 60, 90], "score": 0.9}]
    before = packet.image_bgr.copy()
    sink.process(packet)
    assert (packet.image_bgr == before).all()
    shown.append(not sink.wants_stop)
for _ in range(50):
    real_wait(10)
pixels = np.fromfile(sys.argv[1], np.uint8)[-640 * 480 * 4:].reshape(-1, 4)
red = int((pixels[:, :3] == (10, 20, 250)).all(axis=1).sum())
print(sum(shown), red, sink.wants_stop, sink.remarks())
sink.close()
"""


def show(screen: tuple[str, Path], keys: str) -> list[str]:
    display, pixels = screen
    done = subprocess.run(
        [sys.executable, "-c", SHOW, str(pixels), keys],
        cwd=PROJECT,
        env={**os.environ, "DISPLAY": display, "PYTHONPATH": str(PROJECT), "QT_QPA_PLATFORM": "xcb"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(maxsplit=3)


def test_frames_stand_on_the_screen(screen: tuple[str, Path]) -> None:
    shown, red, wants_stop, remarks = show(screen, "")
    assert shown == "6"
    assert 10_000 < int(red) < 20_000  # 200 x 100, but for the box and its words
    assert wants_stop == "False"
    assert remarks.strip() == "[]"


def test_q_closes_the_window_and_asks_for_the_end_of_the_run(screen: tuple[str, Path]) -> None:
    shown, red, wants_stop, remarks = show(screen, "..q")
    assert 0 < int(shown) < 6
    assert int(red) == 0
    assert wants_stop == "True"
    assert remarks.strip() == "['quit at the window']"
