"""csv_sink: a table with one row per person, for spreadsheets and data frames."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fashion_pipeline.fashion.findings import Garment, Person, findings_in
from fashion_pipeline.stages.recording.rotated import RotatedSink
from fashion_pipeline.stages.recording.segment_names import SegmentNames, has_places
from framegraph.packet import OK, Packet
from framegraph.support.texts import utf8_of

COLUMNS = (
    "source",
    "seq",
    "pts_s",
    "status",
    "person",
    "track",
    "x0",
    "y0",
    "x1",
    "y1",
    "score",
    "label",
    "label_score",
    "region",
    "color",
    "garments",
    "garment_scores",
    "garment_regions",
    "garment_colors",
    "unsure",
)
"""`person` counts from 0 in its frame. `label` to `color` describe the first garment; the columns from
`garments` on list all of them, separated by semicolons, and `unsure` the possible ones. `pts_s` is in
seconds, the box in pixels of the frame."""
PREDICTED = "predicted"
"""Status of a frame in which detect did not look for people: their boxes are predicted."""


class CsvSink(RotatedSink[RotatedSink.Options]):
    """Write one row for each person.

    A frame without people has one row with the person left empty, and so has a frame that was not analysed:
    the status distinguishes them. A frame in which detect did not look for people (its `interval`) has the
    status "predicted". A dropped range has one row, with FROM-TO as its seq.
    """

    def process(self, packet: Packet) -> Packet:
        findings = findings_in(packet.meta)
        frame = {
            "source": packet.source,
            "seq": packet.seq,
            "pts_s": f"{packet.pts_ns / 1e9:.6f}",
            "status": PREDICTED if findings.get("is_predicted") else packet.status,
        }
        people = findings.get("people", []) if packet.status == OK else []
        rows = [{**frame, "person": number, **_columns(person)} for number, person in enumerate(people)]
        self._write(packet, rows or [frame])
        return packet

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        self._write(packet, [{"source": packet.source, "seq": f"{from_seq}-{to_seq}", "status": reason}])

    def _write(self, packet: Packet, rows: list[dict[str, Any]]) -> None:
        self.begin(packet)
        text = io.StringIO()
        csv.DictWriter(text, COLUMNS, lineterminator="\r\n").writerows(rows)
        self.write(utf8_of(text.getvalue()))

    def write_head(self) -> None:
        """Write the names of the columns."""
        text = io.StringIO()
        csv.DictWriter(text, COLUMNS, lineterminator="\r\n").writeheader()
        self.write(text.getvalue().encode())

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


def _columns(person: Person) -> dict[str, Any]:
    """Return a person's columns."""
    garments = person.get("garments", [])
    columns = {
        **dict(zip(("x0", "y0", "x1", "y1"), person["box"], strict=True)),
        "track": person.get("track", ""),
        "score": person["score"],
        "garments": _joined(garment.get("label", "") for garment in garments),
        "garment_scores": _joined(garment.get("score", "") for garment in garments),
        "garment_regions": _joined(garment.get("region", "") for garment in garments),
        "garment_colors": _joined(garment.get("color", "") for garment in garments),
        "unsure": _joined(garment.get("label", "") for garment in person.get("unsure", [])),
    }
    return {**columns, **_first(garments[0])} if garments else columns


def _first(garment: Garment) -> dict[str, Any]:
    return {
        "label": garment.get("label", ""),
        "label_score": garment.get("score", ""),
        "region": garment.get("region", ""),
        "color": garment.get("color", ""),
    }


def _joined(values: Iterable[object]) -> str:
    return ";".join(map(str, values))
