"""csv_sink: a table with one row per person, for spreadsheets and data frames."""

import csv
from pathlib import Path

from fashion_pipeline.fashion.findings import findings_in
from fashion_pipeline.stages.recording.rotated import RotatedSink
from fashion_pipeline.stages.recording.segment_names import SegmentNames, has_places
from fashion_pipeline.stages.records.table import PREDICTED, Row, csv_bytes, frame_rows, head_bytes, range_row
from framegraph.packet import OK, Packet


class CsvSink(RotatedSink[RotatedSink.Options]):
    """Write one row for each person.

    A frame without people has one row with the person left empty, and so has a frame that was not analysed:
    the status distinguishes them. A frame in which detect did not look for people (its `interval`) has the
    status "predicted". A dropped range has one row, with FROM-TO as its seq.
    """

    def process(self, packet: Packet) -> Packet:
        findings = findings_in(packet.meta)
        rows = frame_rows(
            source=packet.source,
            seq=packet.seq,
            pts_ns=packet.pts_ns,
            status=PREDICTED if findings.get("is_predicted") else packet.status,
            people=findings.get("people", []) if packet.status == OK else [],
        )
        self._write(packet, rows)
        return packet

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        row = range_row(source=packet.source, from_seq=from_seq, to_seq=to_seq, status=reason)
        self._write(packet, [row])

    def _write(self, packet: Packet, rows: list[Row]) -> None:
        self.begin(packet)
        self.write(csv_bytes(rows))

    def write_head(self) -> None:
        """Write the names of the columns."""
        self.write(head_bytes())

    def finish(self) -> None:
        if not self.options.rotate and not self._is_headed:
            # A stream without frames makes a table without rows, not an empty file.
            self.write_head()
        super().finish()

    @classmethod
    def count(cls, location: Path) -> int:
        seqs: list[int] = []
        for path in SegmentNames(location).on_disk() if has_places(location) else [location]:
            with path.open(encoding="utf-8", newline="") as file:
                seqs += [int(row["seq"]) for row in csv.DictReader(file) if row["seq"].isdecimal()]
        if seqs != sorted(seqs):
            raise ValueError(f"{location}: frames are out of order")
        return len(set(seqs))
