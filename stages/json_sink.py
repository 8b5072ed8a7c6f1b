"""json_sink: JSON lines, one for each frame and for each range of dropped frames."""

import dataclasses
from pathlib import Path
from typing import Any

from fashion_pipeline.fashion.findings import (
    DroppedRange,
    FrameRecord,
    frame_record,
    read_record,
    recorded,
    told,
)
from fashion_pipeline.stages.recording.rotated import RotatedSink
from fashion_pipeline.stages.recording.segment_names import SegmentNames, has_places
from fashion_pipeline.stages.records.lines import line_of
from framegraph.packet import OK, Packet
from framegraph.properties import prop
from framegraph.stage import Json
from framegraph.support.texts import utf8_of

VERSION = 1
TOLD = "told"


class JsonSink(RotatedSink["JsonSink.Options"]):
    """Write what was found in each frame as a line of JSON; docs/records.md describes each field."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options(RotatedSink.Options):
        detail: str = prop(
            "full",
            "With told, unsure labels, thresholds and colour shares are left out: a third of the bytes.",
            choices=("full", "told"),
        )

    def process(self, packet: Packet) -> Packet:
        self.begin(packet)
        self._write(self._record(packet))
        return packet

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        self.begin(packet)
        self._write(
            {
                "version": VERSION,
                "run": self.context.run,
                "source": packet.source,
                "from_seq": from_seq,
                "to_seq": to_seq,
                "status": reason,
            }
        )

    def _record(self, packet: Packet) -> FrameRecord:
        record: FrameRecord = {
            "version": VERSION,
            "run": self.context.run,
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
                how = told if self.options.detail == TOLD else recorded
                record["people"] = [how(person) for person in record["people"]]
        return record

    def _write(self, record: FrameRecord | DroppedRange) -> None:
        self.write(utf8_of(line_of(record, default=_plain)))

    @classmethod
    def count(cls, location: Path) -> int:
        files = SegmentNames(location).on_disk() if has_places(location) else [location]
        seqs = []
        for path in files:
            with path.open(encoding="utf-8") as lines:
                seqs += [record["seq"] for line in lines if "seq" in (record := read_record(line))]
        if seqs != sorted(set(seqs)):
            raise ValueError(f"{location}: frames are duplicated or out of order")
        return len(seqs)


def _plain(value: Any) -> Json:
    """Return arrays that a user's stage has put into the packet as lists."""
    return value.tolist()
