"""Parquet: one row per person and frame, with garments as lists and units as metadata of the fields."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fashion_pipeline.export.shared.format import Format
from fashion_pipeline.export.shared.records import Line
from fashion_pipeline.fashion.findings import Garment, Person
from fashion_pipeline.stages.records.reference import read_schema
from framegraph.errors import GraphError
from framegraph.support.whole_files import whole_file

ROWS_IN_GROUP = 20_000
"""That are held in memory before they are written; about 20 MB with ten garments each."""
EDGES = ("x0", "y0", "x1", "y1")
UNITS = {
    "pts_ns": "ns",
    "capture_time_ns": "ns since 1970-01-01 UTC",
    "width": "px",
    "height": "px",
    "age_frames": "frames",
    **dict.fromkeys((*EDGES, "box"), "px"),
}


class Parquet(Format):
    line = "one row per person and frame, garments as lists; needs pyarrow"
    suffix = ".parquet"

    def write(self, lines: Iterable[Line], out: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError:
            raise GraphError(
                "the format parquet needs pyarrow, which is not installed; "
                "install it: pip install 'fashion-pipeline[parquet]'"
            ) from None
        schema = _schema()
        with whole_file(out) as file, pyarrow.parquet.ParquetWriter(file, schema) as writer:
            rows: list[dict[str, Any]] = []

            def flush() -> None:
                writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
                rows.clear()

            for line in lines:
                rows += _rows(line)
                if len(rows) >= ROWS_IN_GROUP:
                    flush()
            if rows:
                flush()


def _schema() -> Any:
    """Return the columns; what a field means is told in the words of the schema of records."""
    import pyarrow

    tables = read_schema()["$defs"]
    text, whole, number = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
    garment = pyarrow.struct(
        [
            _field(tables["garment"], name, kind)
            for name, kind in {
                "label": text,
                "score": number,
                "region": text,
                "color": text,
                "box": pyarrow.list_(number),
                "threshold": number,
                "color_shares": pyarrow.map_(text, number),
            }.items()
        ]
    )
    frame = {
        **{"run": text, "source": text, "seq": whole, "last_seq": whole, "status": text, "epoch": whole},
        **{"pts_ns": whole, "capture_time_ns": pyarrow.timestamp("ns", tz="UTC"), "uri": text},
        **{"width": whole, "height": whole, "pixel_aspect_ratio": pyarrow.list_(whole)},
        "flags": pyarrow.list_(text),
    }
    person = {
        **{"person": whole, "track": whole, "series": whole, "age_frames": whole, "detected_at_seq": whole},
        **{**dict.fromkeys(EDGES, number), "score": number, "looks": whole, "settled": pyarrow.bool_()},
        **{"garments": pyarrow.list_(garment), "unsure": pyarrow.list_(garment)},
    }
    return pyarrow.schema(
        [_field(tables["frame"], name, kind) for name, kind in frame.items()]
        + [_field(tables["person"], name, kind) for name, kind in person.items()]
    )


def _field(table: Mapping[str, Any], name: str, kind: Any) -> Any:
    import pyarrow

    described = table["properties"].get(name, {}).get("description", "")
    metadata = {"unit": UNITS.get(name, ""), "description": described}
    return pyarrow.field(name, kind, metadata={key: value for key, value in metadata.items() if value})


def _rows(line: Line) -> list[dict[str, Any]]:
    """Return a row for each person; without people one row with the person left empty."""
    head: dict[str, Any] = {
        "run": line.run,
        "source": line.source,
        "seq": line.first_seq,
        "last_seq": line.last_seq,
        "status": line.status,
    }
    frame = line.frame
    if frame is not None:
        width, height = frame["size_wh"]
        head |= {
            **{name: frame[name] for name in ("epoch", "pts_ns", "capture_time_ns", "uri")},
            **{"width": width, "height": height},
            "pixel_aspect_ratio": frame.get("pixel_aspect_ratio", [1, 1]),
            "flags": frame.get("flags", []),
        }
    return [{**head, **_person(person, number)} for number, person in enumerate(line.people)] or [head]


def _person(person: Person, number: int) -> dict[str, Any]:
    """Return the columns of a person; `garments` is null for one who was not classified."""
    names = ("track", "series", "age_frames", "detected_at_seq", "score", "looks", "settled")
    return {
        "person": number,
        **{name: person.get(name) for name in names},
        **dict(zip(EDGES, person["box"], strict=True)),
        "garments": _garments(person.get("garments")),
        "unsure": _garments(person.get("unsure")),
    }


def _garments(garments: list[Garment] | None) -> list[dict[str, Any]] | None:
    if garments is None:
        return None
    return [
        {**garment, "color_shares": list(garment.get("color_shares", {}).items())} for garment in garments
    ]
