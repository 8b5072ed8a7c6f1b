"""The lines of a packet: its own, and those of the frames dropped before it."""

from collections.abc import Callable
from typing import Any

from fashion_pipeline.fashion.findings import DroppedRange, FrameRecord, Person, frame_record, recorded
from fashion_pipeline.stages.records.lines import line_of
from framegraph.packet import OK, Packet
from framegraph.stage import Json
from framegraph.support.texts import utf8_of

VERSION = 1


def frame_line(packet: Packet, run: str, how: Callable[[Person], Person] = recorded) -> bytes:
    """Return a frame's line, with what was found in it if it was analysed; `how` makes a person's record."""
    record: FrameRecord = {
        "version": VERSION,
        "run": run,
        "source": packet.source,
        "seq": packet.seq,
        "epoch": packet.epoch,
        "attempt": packet.attempt,
        "pts_ns": packet.pts_ns,
        "capture_time_ns": packet.capture_time_ns,
        "uri": packet.uri,
        "size_wh": list(packet.size_wh),
        "status": packet.status,
    }
    if packet.pixel_aspect_ratio != (1, 1):
        record["pixel_aspect_ratio"] = list(packet.pixel_aspect_ratio)
    if packet.flags:
        record["flags"] = packet.flags
    if packet.status == OK:
        record = frame_record(record, packet.meta)
        if "people" in record:
            record["people"] = [how(person) for person in record["people"]]
    return utf8_of(line_of(record, default=_plain))


def range_line(source: str, run: str, from_seq: int, to_seq: int, reason: str) -> bytes:
    """Return the line of dropped frames."""
    record: DroppedRange = {
        "version": VERSION,
        "run": run,
        "source": source,
        "from_seq": from_seq,
        "to_seq": to_seq,
        "status": reason,
    }
    return utf8_of(line_of(record))


def _plain(value: Any) -> Json:
    """Return arrays that a user's stage has put into the packet as lists."""
    return value.tolist()
