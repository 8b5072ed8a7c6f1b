"""Events of processes become spans, and the timeline of one frame."""

import json
from pathlib import Path

import pytest

from framegraph.errors import GraphError
from framegraph.traces.recorder import (
    BEGUN,
    CAPTURED,
    DONE,
    LEFT,
    RECEIVED,
    SAMPLED_BYTES,
    Recorder,
    switch_on,
)
from framegraph.traces.timeline import (
    chrome_trace,
    describe_frame,
    describe_whole,
    read_events,
    read_trace,
    spans_of,
    write_trace,
)

MS = 1_000_000


def noted(folder: Path, process: str, *events: tuple[int, int], sender: str = "", seq: int = 17) -> None:
    recorder = Recorder(folder, process)
    for event, at_ms in events:
        recorder.note(
            event, "camera", seq, at_ms * MS, f"ipc:///run/{sender}.out" if event == RECEIVED else ""
        )
    recorder.flush()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    switch_on(tmp_path / "trace", 1, SAMPLED_BYTES)
    noted(tmp_path / "trace", "camera.0#0", (CAPTURED, 10), (LEFT, 12))
    noted(
        tmp_path / "trace",
        "detect.1#0",
        (RECEIVED, 13),
        (BEGUN, 15),
        (DONE, 35),
        (LEFT, 36),
        sender="camera.0",
    )
    noted(tmp_path / "trace", "film.0#0", (RECEIVED, 37), (BEGUN, 38), (DONE, 45), sender="detect.1")
    return tmp_path / "trace"


def test_a_frame_is_followed_from_capture_to_commit(folder: Path) -> None:
    trace = chrome_trace(read_events(folder))
    spans = spans_of(trace)
    assert [(span["cat"], span["args"]["process"], span["dur"] / 1e3) for span in spans] == [
        ("waiting for the window", "camera.0#0", 2.0),
        ("transport", "detect.1#0", 1.0),
        ("waiting", "detect.1#0", 2.0),
        ("service", "detect.1#0", 20.0),
        ("waiting for credit", "detect.1#0", 1.0),
        ("transport", "film.0#0", 1.0),
        ("waiting", "film.0#0", 1.0),
        ("service", "film.0#0", 7.0),
    ]


def test_a_second_try_by_another_process_is_told(folder: Path) -> None:
    noted(folder, "detect.1#1", (RECEIVED, 50), (BEGUN, 51), (DONE, 60), sender="camera.0")
    lines = describe_frame(chrome_trace(read_events(folder)), "camera:17")
    assert any("service: detect.1#1, time 2" in line for line in lines)
    assert any("transport: camera.0#0 to detect.1#0" in line for line in lines)


def test_a_sender_whose_note_came_late_is_still_the_sender(tmp_path: Path) -> None:
    switch_on(tmp_path / "trace", 1, SAMPLED_BYTES)
    noted(tmp_path / "trace", "camera.0#0", (CAPTURED, 10), (LEFT, 14))
    noted(tmp_path / "trace", "detect.0#0", (RECEIVED, 13), sender="camera.0")
    lines = describe_frame(chrome_trace(read_events(tmp_path / "trace")), "camera:17")
    assert any("0.00  transport: camera.0#0 to detect.0#0" in line for line in lines)


def test_only_each_nth_frame_is_noted_and_none_without_a_trace(tmp_path: Path) -> None:
    Recorder(tmp_path, "untraced").note(CAPTURED, "camera", 0)
    switch_on(tmp_path / "trace", 8, SAMPLED_BYTES)
    recorder = Recorder(tmp_path / "trace", "camera.0#0")
    for seq in range(32):
        recorder.note(CAPTURED, "camera", seq)
    recorder.flush()
    assert [event.seq for event in read_events(tmp_path / "trace")] == [0, 8, 16, 24]
    assert not (tmp_path / "untraced").exists()


def test_an_event_that_a_death_cut_off_is_left_out(folder: Path) -> None:
    path = folder / "film.0#0.0"
    path.write_bytes(path.read_bytes()[:-3])
    assert len(read_events(folder)) == 8


def test_the_file_is_a_chrome_trace_and_is_read_again(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "trace.json"
    write_trace(chrome_trace(read_events(folder)), path)
    events = json.loads(path.read_text())["traceEvents"]
    assert {event["args"]["name"] for event in events if event["ph"] == "M"} == {
        "camera.0#0",
        "detect.1#0",
        "film.0#0",
    }
    assert any("detect.1#0" in line and "service" in line for line in describe_whole(read_trace(path)))


def test_what_is_no_trace_or_lacks_the_frame_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        GraphError, match=r"nowhere\.json: No such file or directory; name what a run wrote with"
    ):
        read_trace(tmp_path / "nowhere.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(GraphError, match=r"other\.json: is no trace of a run"):
        read_trace(tmp_path / "other.json")
    with pytest.raises(GraphError, match="has no frame 'camera:3'; it has frames such as camera:17"):
        describe_frame(chrome_trace(read_events(folder)), "camera:3")
