"""What a trace viewer draws: on one track no slice overlaps another without being inside it."""

import itertools
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from framegraph.traces.recorder import BEGUN, CAPTURED, DONE, LEFT, RECEIVED
from framegraph.traces.timeline import Event, chrome_trace, describe_frame, read_trace, spans_of, write_trace
from launcher import main
from tests.launching import Launched
from tests.system.graphs import CHEAP

FRAMES = 120
Slice = tuple[float, float]


def tracks(trace: dict[str, Any]) -> dict[tuple[Any, ...], list[Slice]]:
    """The slices of each track as (begin, end): "X" and "B" with "E" have a track for each (pid, tid), async
    "b" with "e" one for each (pid, cat, id): "Trace Event Format" of Chromium."""
    found: defaultdict[tuple[Any, ...], list[Slice]] = defaultdict(list)
    open_: defaultdict[tuple[Any, ...], list[float]] = defaultdict(list)
    for event in sorted(trace["traceEvents"], key=lambda event: event.get("ts", 0)):
        phase = event["ph"]
        asynchronous = phase in ("b", "e")
        track = (
            (event["pid"], event["cat"], event["id"]) if asynchronous else (event["pid"], event.get("tid"))
        )
        if phase == "X":
            found[track].append((event["ts"], event["ts"] + event["dur"]))
        elif phase in ("B", "b"):
            open_[track].append(event["ts"])
        elif phase in ("E", "e"):
            assert open_[track], f"an end without a beginning on {track}"
            found[track].append((open_[track].pop(), event["ts"]))
        else:
            assert phase == "M", f"{phase} draws nothing"
    assert not any(open_.values()), "a beginning without an end"
    return found


def assert_nested(slices: list[Slice]) -> None:
    outer: list[Slice] = []
    for begin, end in sorted(slices, key=lambda one: (one[0], -one[1])):
        assert begin <= end
        while outer and outer[-1][1] <= begin:
            outer.pop()
        assert not outer or end <= outer[-1][1], f"{(begin, end)} begins in {outer[-1]} and ends after it"
        outer.append((begin, end))


def assert_drawable(trace: dict[str, Any]) -> None:
    found = tracks(trace)
    assert found
    for slices in found.values():
        assert_nested(slices)
    # A viewer takes the events of an id together by what stands in both.
    for event in trace["traceEvents"]:
        assert isinstance(event["pid"], int)
        assert event["ph"] == "M" or event["ts"] >= 0
    ids = Counter(
        (event["pid"], event["cat"], event["id"], event["ph"])
        for event in trace["traceEvents"]
        if "id" in event
    )
    assert set(ids.values()) == {1}
    names = {event["pid"]: event["args"]["name"] for event in trace["traceEvents"] if event["ph"] == "M"}
    assert {event["pid"] for event in trace["traceEvents"]} == set(names)
    assert len(set(names.values())) == len(names)


def crowded(seed: int) -> list[Event]:
    """What processes noted of frames that wait for each other everywhere, some of them sent again."""
    rng = random.Random(seed)
    events = []
    for seq in range(80):
        source = rng.choice(["door", "yard"])
        at_ns = 10**18 + seq * 1_000_000

        def note(kind: int, process: str, sender: str = "") -> None:
            nonlocal at_ns
            at_ns += rng.randrange(0, 30_000_000)
            events.append(Event(at_ns, kind, process, source, seq, sender))  # noqa: B023 - called at once

        note(CAPTURED, f"{source}.0#0")
        note(LEFT, f"{source}.0#0")
        for attempt in range(rng.choice([1, 1, 1, 2, 3])):
            process = f"detect.{rng.randrange(2)}#{attempt}"
            note(RECEIVED, process, f"{source}.0")
            note(BEGUN, process)
            note(DONE, process)
            note(LEFT, process)
        for sink in ("film.0#0", "results.0#0"):
            note(RECEIVED, sink, process.partition("#")[0])
            note(BEGUN, sink)
            note(DONE, sink)
    return sorted(events)


def any_overlap(trace: dict[str, Any], process: str) -> bool:
    """Whether a process worked on several frames at once, as the trace has it."""
    spans = [
        (span["ts"], span["ts"] + span["dur"])
        for span in spans_of(trace)
        if (span["cat"], span["args"]["process"]) == ("service", process)
    ]
    return any(begin < end_before for (_, end_before), (begin, _) in itertools.pairwise(spans))


def test_these_checks_find_what_no_viewer_can_draw() -> None:
    def event(phase: str, at: float, **more: Any) -> dict[str, Any]:
        return {"ph": phase, "pid": 1, "tid": "a", "ts": at, **more}

    inside = [event("X", 0, dur=9), event("X", 2, dur=3), event("X", 9, dur=1)]
    for slices in tracks({"traceEvents": inside}).values():
        assert_nested(slices)
    [(_track, beside)] = tracks({"traceEvents": [event("X", 0, dur=5), event("X", 3, dur=5)]}).items()
    with pytest.raises(AssertionError, match="ends after it"):
        assert_nested(beside)
    one_id = {"cat": "service", "id": 1}
    both = [
        event("b", 0, **one_id),
        event("b", 3, **one_id),
        event("e", 5, **one_id),
        event("e", 8, **one_id),
    ]
    assert len(tracks({"traceEvents": both})) == 1
    with pytest.raises(AssertionError, match="without an end"):
        tracks({"traceEvents": both[:3]})
    with pytest.raises(AssertionError, match="without a beginning"):
        tracks({"traceEvents": both[2:]})


@pytest.mark.parametrize("seed", range(5))
def test_frames_that_overlap_in_one_process_are_drawn_beside_one_another(seed: int) -> None:
    events = crowded(seed)
    trace = chrome_trace(events)
    spans = spans_of(trace)
    assert any_overlap(trace, "detect.0#0"), "else this shows nothing"
    assert_drawable(trace)
    assert sum(len(slices) for slices in tracks(trace).values()) == len(spans)


def test_the_spans_that_are_read_are_those_that_are_drawn(tmp_path: Path) -> None:
    trace = chrome_trace(crowded(0))
    write_trace(trace, tmp_path / "trace.json")
    again = read_trace(tmp_path / "trace.json")
    assert spans_of(again) == spans_of(trace)
    assert_drawable(again)
    for frame in {span["args"]["frame"] for span in spans_of(trace)}:
        assert describe_frame(again, frame) == describe_frame(trace, frame)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trace of a run in which a window of frames waits at each stage."""
    folder = tmp_path_factory.mktemp("tracks")
    (folder / "cheap_stages.py").write_text((CHEAP / "cheap_stages.py").read_text())
    (folder / "graph.yaml").write_text(
        "stages:\n"
        f"  counter: {{type: cheap_stages.Counter, frames: {FRAMES}, window: 12}}\n"
        "  work: {type: cheap_stages.Work, sleep-ms: 3, batch: 4}\n"
        "  results: {type: json_sink, location: out/results.jsonl}\n"
        "links: [counter ! work ! results]\n"
    )
    with Launched(folder / "graph.yaml", "--quiet", "--trace", "out/trace.json", folder=folder) as run:
        assert run.wait() == 0, run.stderr
    return folder / "out/trace.json"


@pytest.mark.slow
def test_the_trace_of_a_run_can_be_drawn(traced: Path) -> None:
    trace = read_trace(traced)
    assert_drawable(trace)
    kinds = Counter(span["cat"] for span in spans_of(trace))
    assert kinds["service"] == 2 * FRAMES
    assert kinds["waiting for the window"] == FRAMES
    assert kinds["transport"] == 2 * FRAMES
    assert any_overlap(trace, "work.0#0"), "packets of a batch are worked on at once"


@pytest.mark.parametrize("seq", [0, FRAMES // 2, FRAMES - 1])
def test_a_frame_of_it_has_its_timeline(traced: Path, capsys: pytest.CaptureFixture[str], seq: int) -> None:
    assert main(["trace", str(traced), "--frame", f"counter:{seq}"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["from", "ms", "took", "ms", "what"]
    assert [row.split(maxsplit=2)[2] for row in rows] == [
        "waiting for the window: counter.0#0",
        "transport: counter.0#0 to work.0#0",
        "waiting: work.0#0",
        "service: work.0#0",
        "waiting for credit: work.0#0",
        "transport: work.0#0 to results.0#0",
        "waiting: results.0#0",
        "service: results.0#0",
    ]
    begins = [float(row.split()[0]) for row in rows]
    assert begins == sorted(begins)
    assert begins[0] == 0
