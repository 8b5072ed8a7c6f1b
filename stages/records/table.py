"""Records as rows of a table: one for each person, and one for a frame or a range without any."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from fashion_pipeline.fashion.findings import Garment, Person
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

Row = dict[str, Any]


def frame_rows(*, source: str, seq: int, pts_ns: int, status: str, people: Sequence[Person]) -> list[Row]:
    """Return a row for each person; without people one row with the person left empty."""
    frame = {"source": source, "seq": seq, "pts_s": f"{pts_ns / 1e9:.6f}", "status": status}
    rows = [{**frame, "person": number, **_columns(person)} for number, person in enumerate(people)]
    return rows or [frame]


def range_row(*, source: str, from_seq: int, to_seq: int, status: str) -> Row:
    """Return the row of a dropped range, with FROM-TO as its seq."""
    return {"source": source, "seq": f"{from_seq}-{to_seq}", "status": status}


def head_bytes() -> bytes:
    """Return the names of the columns as a line of CSV (RFC 4180)."""
    return csv_bytes([dict(zip(COLUMNS, COLUMNS, strict=True))])


def csv_bytes(rows: Iterable[Row]) -> bytes:
    """Return rows as lines of CSV (RFC 4180)."""
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, lineterminator="\r\n").writerows(rows)
    return utf8_of(text.getvalue())


def _columns(person: Person) -> Row:
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


def _first(garment: Garment) -> Row:
    return {
        "label": garment.get("label", ""),
        "label_score": garment.get("score", ""),
        "region": garment.get("region", ""),
        "color": garment.get("color", ""),
    }


def _joined(values: Iterable[object]) -> str:
    return ";".join(map(str, values))
