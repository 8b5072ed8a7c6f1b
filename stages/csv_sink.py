"""csv_sink: a table of the people, one row each, for spreadsheets and data frames."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

from runtime.files import CutFileSink
from runtime.packet import OK, Packet
from runtime.properties import REQUIRED, prop
from runtime.stage import Cut
from runtime.texts import utf8_of
from stages.people.detection import IS_PREDICTED

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
)
"""`person` counts from 0 in its frame. `label` to `color` are of the first garment; `garments` has all
labels, with semicolons between them. `pts_s` is in seconds, the box in pixels of the frame."""
PREDICTED = "predicted"
"""Status of a frame in which nobody looked for people: they are where they were expected."""


class CsvSink(CutFileSink):
    """Write one row for each person.

    A frame with nobody has one row with the person left empty, and so has a frame that was not analysed: its
    status tells them apart. A frame in which nobody looked for people (`interval` of detect) has the status
    "predicted". A dropped stretch has one row, and FROM-TO as its seq.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop(REQUIRED, "The file; {source} in it stands for the name of the source.")

    def open_at(self, location: Path, cut: Cut | None) -> None:
        super().open_at(location, cut)
        self._needs_head = cut is None or cut.size_bytes == 0

    def process(self, packet: Packet) -> Packet:
        frame = {
            "source": packet.source,
            "seq": packet.seq,
            "pts_s": f"{packet.pts_ns / 1e9:.6f}",
            "status": PREDICTED if packet.meta.get(IS_PREDICTED) else packet.status,
        }
        people = packet.people if packet.status == OK else []
        rows = [{**frame, "person": number, **_columns(person)} for number, person in enumerate(people)]
        self._write(rows or [frame])
        return packet

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        self._write([{"source": packet.source, "seq": f"{from_seq}-{to_seq}", "status": reason}])

    def _write(self, rows: list[dict[str, Any]]) -> None:
        """Write the rows of a frame in one go, the first time with the names of the columns."""
        text = io.StringIO()
        table = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
        if self._needs_head:
            table.writeheader()
        table.writerows(rows)
        self.write(utf8_of(text.getvalue()))
        self._needs_head = False

    def finish(self) -> None:
        if self._needs_head:
            # A stream without a single frame is a table without rows, not an empty file.
            self._write([])

    @classmethod
    def count(cls, location: Path) -> int:
        with location.open(encoding="utf-8", newline="") as file:
            seqs = [int(row["seq"]) for row in csv.DictReader(file) if row["seq"].isdecimal()]
        if seqs != sorted(seqs):
            raise ValueError(f"{location}: frames are out of order")
        return len(set(seqs))


def _columns(person: dict[str, Any]) -> dict[str, Any]:
    """Return what a row says of a person."""
    garments = person.get("garments", [])
    first = garments[0] if garments else {}
    return {
        **dict(zip(("x0", "y0", "x1", "y1"), person["box"], strict=True)),
        "track": person.get("track", ""),
        "score": person["score"],
        "label": first.get("label", ""),
        "label_score": first.get("score", ""),
        "region": first.get("region", ""),
        "color": first.get("color", ""),
        "garments": ";".join(garment["label"] for garment in garments),
    }
