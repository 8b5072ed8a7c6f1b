"""The table of where frames spend their time, the newest frame, and the sentence for one that was not sampled."""

from typing import Any

import pytest

from framegraph.errors import GraphError
from framegraph.traces.recorder import BEGUN, CAPTURED, DONE, LEFT, RECEIVED
from framegraph.traces.samples import MAX_ROWS, describe_times, frame_times, newest_frame, refuse_unsampled
from framegraph.traces.timeline import Event, chrome_trace

MS = 1_000_000


def frame(seq: int, service_ms: int, *, is_complete: bool = True) -> list[Event]:
    """A frame that waits 2 ms for the window, is on its way for 1, worked on by one stage, then written."""
    start_ms = 1000 * seq
    noted = [(CAPTURED, 0, "camera.0#0", ""), (LEFT, 2, "camera.0#0", "")]
    noted += [(RECEIVED, 3, "work.0#0", "camera.0"), (BEGUN, 3, "work.0#0", "")]
    if is_complete:
        done_ms = 3 + service_ms
        noted += [(DONE, done_ms, "work.0#0", ""), (LEFT, done_ms, "work.0#0", "")]
        noted += [(RECEIVED, done_ms, "film.0#0", "work.0"), (BEGUN, done_ms, "film.0#0", "")]
        noted += [(DONE, done_ms + 4, "film.0#0", "")]
    return [
        Event((start_ms + at_ms) * MS, kind, process, "camera", seq, sender)
        for kind, at_ms, process, sender in noted
    ]


def trace_of(*frames: list[Event], every: int = 25) -> dict[str, Any]:
    return chrome_trace(sorted(event for one in frames for event in one), every)


def test_the_table_has_quantiles_by_stage_in_the_order_of_the_way() -> None:
    times = frame_times(trace_of(*(frame(25 * number, number) for number in range(1, 21))))
    assert (times["every"], times["frames"], list(times["stages"])) == (25, 20, ["camera", "work", "film"])
    assert times["stages"]["camera"] == {"held back": {"n": 20, "p50": 2.0, "p95": 2.0}}
    assert times["stages"]["work"]["service"] == {"n": 20, "p50": 10.0, "p95": 19.0}
    assert times["stages"]["work"]["transport"] == {"n": 20, "p50": 1.0, "p95": 1.0}
    lines = describe_times(times)
    assert lines[0].endswith("(frames sampled: 20):")
    assert lines[3].split() == ["work", "1.0", "1.0", "0.0", "0.0", "10.0", "19.0", "0.0", "0.0"]


def test_a_frame_that_was_tried_again_is_no_sample() -> None:
    assert frame_times(trace_of(frame(25, 5), frame(26, 5000)))["stages"]["work"]["service"]["p95"] == 5.0


def test_nothing_sampled_is_no_table() -> None:
    assert describe_times(frame_times(trace_of())) == []
    with pytest.raises(GraphError, match="no frame has been sampled yet"):
        newest_frame(trace_of())


def test_a_graph_of_many_stages_shows_the_heaviest() -> None:
    stages = {f"s{number}": {"service": {"n": 1, "p50": number, "p95": number}} for number in range(40)}
    lines = describe_times({"every": 25, "frames": 1, "stages": stages})
    assert [line.split()[0] for line in lines[2:-1]] == [f"s{number}" for number in range(40 - MAX_ROWS, 40)]
    assert lines[-1] == f"  and {40 - MAX_ROWS} stages where frames spent less time"


def test_the_newest_frame_is_one_that_came_to_the_end() -> None:
    assert newest_frame(trace_of(frame(25, 5), frame(50, 5), frame(75, 5, is_complete=False))) == "camera:50"
    assert newest_frame(trace_of(frame(25, 5, is_complete=False))) == "camera:25"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("camera:30", r"there are 2 from 25 to 50, the nearest is camera:25"),
        ("yard:25", r"no frame of 'yard' was sampled; of these were: camera"),
        ("camera", r"expected SOURCE:SEQ, e.g. source:25"),
        ("camera:x", r"expected SOURCE:SEQ"),
    ],
)
def test_a_frame_that_was_not_sampled_is_one_sentence(asked: str, said: str) -> None:
    trace = trace_of(frame(25, 5), frame(50, 5))
    refuse_unsampled(trace, "camera:50")
    with pytest.raises(GraphError, match=said):
        refuse_unsampled(trace, asked)
