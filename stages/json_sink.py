"""json_sink: JSON lines, one for each frame and for each range of dropped frames."""

import dataclasses
from pathlib import Path

from fashion_pipeline.fashion.findings import read_record, recorded, told
from fashion_pipeline.stages.recording.rotated import RotatedSink
from fashion_pipeline.stages.recording.segment_names import SegmentNames, has_places
from fashion_pipeline.stages.records.of_packets import frame_line, range_line
from framegraph.packet import Packet
from framegraph.properties import prop

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
        how = told if self.options.detail == TOLD else recorded
        self.write(frame_line(packet, self.context.run, how))
        return packet

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        self.begin(packet)
        self.write(range_line(packet.source, self.context.run, from_seq, to_seq, reason))

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
