"""Chrome traces (drawn by ui.perfetto.dev) and timelines of one frame, made from the processes' events.

The format: "Trace Event Format" of Chromium's trace viewer: a nestable async event for each span ("b" and
"e", microseconds), with an id of its own, because several frames wait in one process at once.
"""

import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from framegraph.errors import GraphError
from framegraph.traces.recorder import BEGUN, CAPTURED, DONE, EVENT, LEFT, RECEIVED


@dataclasses.dataclass(frozen=True, order=True)
class Event:
    """One event of a process, "STAGE.REPLICA#INCARNATION"."""

    at_ns: int
    kind: int
    process: str
    source: str
    seq: int
    sender: str


def read_events(folder: Path) -> list[Event]:
    """Return the notes of all processes of a run, by time; a record that a death cut off is left out.

    The run may be going on: a file replaced by a newer one meanwhile is left out.
    """
    events = []
    for path in folder.glob("*#*"):
        try:
            data, at = path.read_bytes(), 0
        except FileNotFoundError:
            continue
        process = path.name.rpartition(".")[0]
        while at + EVENT.size <= len(data):
            kind, length, seq, at_ns = EVENT.unpack_from(data, at)
            at += EVENT.size + length
            if at <= len(data):
                source, _slash, sender = data[at - length : at].decode().partition("/")
                events.append(Event(at_ns, kind, process, source, seq, sender))
    return sorted(events)


def chrome_trace(events: Iterable[Event], every: int = 1) -> dict[str, Any]:
    """Return the spans of all frames: waiting, service, and transport from one process to the next.

    `every`: each `every`-th frame was noted; stored in the trace under "otherData".
    """
    spans: list[dict[str, Any]] = []
    numbers: dict[str, int] = {}
    by_frame: defaultdict[tuple[str, int], list[Event]] = defaultdict(list)
    for event in events:
        numbers.setdefault(event.process, len(numbers) + 1)
        by_frame[event.source, event.seq].append(event)
    for (source, seq), noted in by_frame.items():
        spans.extend(_spans(f"{source}:{seq}", _newest_life(noted), numbers))
    names = [
        {"name": "process_name", "ph": "M", "pid": number, "args": {"name": process}}
        for process, number in numbers.items()
    ]
    drawn = [event for number, span in enumerate(spans) for event in _drawn(span, number)]
    return {
        "traceEvents": [*names, *sorted(drawn, key=lambda event: float(event["ts"]))],
        "displayTimeUnit": "ms",
        "otherData": {"every": every},
    }


def _drawn(span: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Return the two events from which a viewer draws a span. Spans of one kind have one name: it packs them
    into one track, side by side where they overlap."""
    both = {key: span[key] for key in ("pid", "tid", "cat")} | {"name": span["cat"], "id": number}
    begin = both | {"ph": "b", "ts": span["ts"], "args": span["args"]}
    return [begin, both | {"ph": "e", "ts": span["ts"] + span["dur"]}]


def spans_of(trace: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the spans of a trace, by their beginning: "cat", "ts" and "dur" in microseconds, and "args"."""
    ends = {event["id"]: event["ts"] for event in trace["traceEvents"] if event["ph"] == "e"}
    return [
        event | {"dur": ends[event["id"]] - event["ts"]}
        for event in trace["traceEvents"]
        if event["ph"] == "b" and event["id"] in ends
    ]


def _newest_life(noted: list[Event]) -> list[Event]:
    """A source that is attached again counts from 0: events before the capture belong to another frame."""
    captured_ns = max((event.at_ns for event in noted if event.kind == CAPTURED), default=0)
    return [event for event in noted if event.at_ns >= captured_ns]


_BETWEEN = {
    (CAPTURED, LEFT): "waiting for the window",
    (RECEIVED, BEGUN): "waiting",
    (BEGUN, DONE): "service",
    (DONE, LEFT): "waiting for credit",
}
"""Return what a frame does between two events of one process."""


def _spans(frame: str, noted: list[Event], numbers: dict[str, int]) -> Iterable[dict[str, Any]]:
    last: dict[str, Event] = {}
    times: Counter[tuple[str, int]] = Counter()
    for event in noted:
        before = last.get(event.process)
        stage = event.process.partition(".")[0]
        times[stage, event.kind] += 1
        attempt = times[stage, event.kind]
        if event.kind == RECEIVED:
            # The receiver may have written its note first, so the nearest departure is the right one.
            departures = [
                one for one in noted if one.kind == LEFT and one.process.partition("#")[0] == event.sender
            ]
            if departures:
                sent = min(departures, key=lambda one: abs(one.at_ns - event.at_ns))
                from_ns = min(sent.at_ns, event.at_ns)
                yield _span(frame, "transport", from_ns, event, numbers, attempt, sent.process)
        elif before is not None and (before.kind, event.kind) in _BETWEEN:
            yield _span(frame, _BETWEEN[before.kind, event.kind], before.at_ns, event, numbers, attempt, "")
        last[event.process] = event


def _span(
    frame: str, name: str, from_ns: int, to: Event, numbers: dict[str, int], attempt: int, sender: str
) -> dict[str, Any]:
    return {
        "cat": name,
        "pid": numbers[to.process],
        "tid": to.source,
        "ts": from_ns / 1e3,
        "dur": (to.at_ns - from_ns) / 1e3,
        "args": {"frame": frame, "process": to.process, "from": sender, "time": attempt},
    }


def describe_frame(trace: dict[str, Any], frame: str) -> list[str]:
    """Return the timeline of one frame, "source:17", line by line; GraphError if the trace has none of it."""
    all_spans = spans_of(trace)
    spans = [span for span in all_spans if span["args"]["frame"] == frame]
    if not spans:
        known = [span["args"]["frame"] for span in all_spans]
        hint = f"; it has frames such as {known[0]} and {known[-1]}" if known else "; it is empty"
        raise GraphError(f"the trace has no frame '{frame}'{hint}")
    start = min(span["ts"] for span in spans)
    lines = [f"{'from ms':>9s} {'took ms':>9s}  what"]
    for span in spans:
        said = span["args"]
        again = f", time {said['time']}" if said["time"] > 1 else ""
        where = f"{said['from']} to {said['process']}" if said["from"] else said["process"]
        begins_ms, took_ms = (span["ts"] - start) / 1e3, span["dur"] / 1e3
        lines.append(f"{begins_ms:9.2f} {took_ms:9.2f}  {span['cat']}: {where}{again}")
    return lines


def describe_whole(trace: dict[str, Any]) -> list[str]:
    """Return the sums of a whole trace: number, mean and longest per process and kind of span."""
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for span in spans_of(trace):
        found[span["args"]["process"], span["cat"]].append(span["dur"] / 1e3)
    lines = [f"{'process':20s} {'what':24s} {'times':>7s} {'mean ms':>9s} {'longest':>9s}"]
    for (process, what), took_ms in sorted(found.items()):
        mean_ms = sum(took_ms) / len(took_ms)
        lines.append(f"{process:20s} {what:24s} {len(took_ms):7d} {mean_ms:9.2f} {max(took_ms):9.2f}")
    return lines


REMEDY = "name what a run wrote with `--trace FILE`, or no file for the running graph"


def write_trace(trace: dict[str, Any], path: Path) -> None:
    """Write a file for a trace viewer; GraphError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(trace), encoding="utf-8")
    except OSError as error:
        raise GraphError(f"{path}: {error.strerror}; name another file") from None


def is_trace(path: Path) -> bool:
    """Return whether a file begins like a trace from `write_trace`."""
    with path.open("rb") as file:
        return b'"traceEvents"' in file.read(4096)


def read_trace(path: Path) -> dict[str, Any]:
    """Read a trace that a run wrote; GraphError if it is not one."""
    try:
        trace: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        trace["traceEvents"][0]["ph"]
    except OSError as error:
        raise GraphError(f"{path}: {error.strerror}; {REMEDY}") from None
    except (ValueError, KeyError, IndexError, TypeError):
        raise GraphError(f"{path}: is no trace of a run; {REMEDY}") from None
    return trace
