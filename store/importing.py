"""Results of earlier runs, from the lines that a json_sink wrote, into a database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fashion_pipeline.fashion.findings import DroppedRange, FrameRecord, read_record
from fashion_pipeline.store.visits import Moment
from fashion_pipeline.store.writer import StreamWriter
from framegraph.errors import GraphError

STAGE = "import"
COMMIT_LINES = 1000
OK = "ok"


def import_lines(name: str, lines: Iterable[str], url: str) -> tuple[int, int]:
    """Write the records of a file into a database; return (frames written, frames that were there).

    What an earlier import of the same run has committed is left out, so it can be repeated after a break.
    Raises GraphError that names a line that is no record.
    """
    writers: dict[tuple[str, str], StreamWriter] = {}
    done: dict[tuple[str, str], int] = {}
    written = known = 0
    try:
        for number, line in enumerate(lines, 1):
            record = _read(name, number, line)
            key = record["run"], record["source"]
            if key not in writers:
                writers[key] = StreamWriter(url, run=key[0], stage=STAGE, source=key[1])
                position = writers[key].begin()
                if writers[key].others():
                    raise GraphError(f"{name}: what run {key[0]} saw of {key[1]} is in the database already")
                done[key] = position["seq"] if position else -1
            seq = record["to_seq"] if "to_seq" in record else record["seq"]
            if seq <= done[key]:
                known += "seq" in record
                continue
            add_record(writers[key], record)
            written += "seq" in record
            done[key] = seq
            if number % COMMIT_LINES == 0:
                _commit(writers, done)
        for writer in writers.values():
            writer.finish()
        _commit(writers, done)
    finally:
        for writer in writers.values():
            writer.close()
    return written, known


def add_record(writer: StreamWriter, record: FrameRecord | DroppedRange) -> None:
    """Write one record of a json_sink."""
    if "to_seq" in record:
        writer.dropped(record["to_seq"] - record["from_seq"] + 1)
        return
    is_live = "LIVE" in record.get("flags", ())
    clock_ns = record["capture_time_ns"] if is_live else record["pts_ns"]
    at = Moment(clock_ns=clock_ns, pts_ns=record["pts_ns"])
    is_analysed = record["status"] == OK
    writer.frame(
        at,
        uri=record["uri"],
        clock="wall" if is_live else "film",
        outcome="analysed" if is_analysed else "failed",
    )
    if is_analysed:
        for person in record.get("people", ()):
            writer.visits.see(person, at)
        writer.visits.leave(at)


def _commit(writers: dict[tuple[str, str], StreamWriter], done: dict[tuple[str, str], int]) -> None:
    for key, writer in writers.items():
        position: dict[str, Any] = {"digest": "", "seq": done[key]}
        writer.commit(position)


def _read(name: str, number: int, line: str) -> Any:
    try:
        record: Any = read_record(line)
        if not {"run", "source"} <= record.keys() or not {"seq", "to_seq"} & record.keys():
            raise ValueError("no record")
    except (ValueError, AttributeError):
        raise GraphError(
            f"{name}:{number}: is no record of a json_sink; name results.jsonl, and leave out a last line "
            "that was cut off"
        ) from None
    return record
