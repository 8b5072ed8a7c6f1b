"""CVAT for video 1.1: an XML file per source, in which a person is a track of boxes with attributes."""

import contextlib
import dataclasses
import errno
import itertools
import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from fashion_pipeline.export.shared.format import Format
from fashion_pipeline.export.shared.not_analysed import NotAnalysed
from fashion_pipeline.export.shared.records import Line
from fashion_pipeline.export.shared.whole_folder import whole_folder
from fashion_pipeline.fashion.findings import Garment, Person
from fashion_pipeline.stages.records.table import PREDICTED

PERSON = "person"
TEXTS = ("track", "score", "garments", "colors", "region", "color")
"""Attributes of every label, because a label of the records may be "person" too. `garments` and `colors` are
a person's, with semicolons between; `region` and `color` a garment's."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TABLE = """
    CREATE TABLE boxes (
        source TEXT, track TEXT, frame INTEGER, label TEXT,
        x0 REAL, y0 REAL, x1 REAL, y1 REAL, attributes TEXT,
        PRIMARY KEY (source, track, frame)
    ) WITHOUT ROWID
"""


@dataclasses.dataclass
class _Source:
    """What the head of a source's file says."""

    not_analysed: NotAnalysed
    last_frame: int = 0
    size_wh: list[int] = dataclasses.field(default_factory=lambda: [0, 0])
    labels: dict[str, None] = dataclasses.field(default_factory=lambda: {PERSON: None})


@dataclasses.dataclass(frozen=True)
class _Box:
    track: str
    frame: int
    label: str
    corners_xyxy: tuple[float, float, float, float]
    attributes: str
    """As XML."""


class Cvat(Format):
    line = "CVAT for video 1.1: an XML file per source, a track per person and per garment"
    suffix = ".cvat"

    def write(self, lines: Iterable[Line], out: Path) -> None:
        try:
            self._write(lines, out)
        except sqlite3.Error as error:
            raise OSError(errno.EIO, str(error), str(out)) from None

    def _write(self, lines: Iterable[Line], out: Path) -> None:
        sources: dict[str, _Source] = {}
        with whole_folder(out) as folder:
            # A file holds one track after the other, and records one frame after the other.
            sorter = folder / ".boxes"
            with contextlib.ExitStack() as files:
                database = files.enter_context(contextlib.closing(sqlite3.connect(sorter)))
                database.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_TABLE}")
                for line in lines:
                    if line.source not in sources:
                        path = folder / f"{line.source}.not_analysed.csv"
                        table = files.enter_context(NotAnalysed(path, first=0))
                        sources[line.source] = _Source(table)
                    _add(database, sources[line.source], line)
                for name, source in sources.items():
                    with (folder / f"{name}.xml").open("wb") as file:
                        _write_file(file, name, source, _boxes_of(database, name))
            sorter.unlink()


def _add(database: sqlite3.Connection, source: _Source, line: Line) -> None:
    source.last_frame = max(source.last_frame, line.last_seq)
    source.not_analysed.write(line)
    if line.frame is None:
        return
    if not source.size_wh[0]:
        source.size_wh = line.frame["size_wh"]
    rows = [
        (line.source, box.track, box.frame, box.label, *box.corners_xyxy, box.attributes)
        for number, person in enumerate(line.people)
        for box in _boxes(person, number, line)
    ]
    source.labels |= dict.fromkeys(row[3] for row in rows)
    database.executemany("INSERT INTO boxes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _boxes(person: Person, number: int, line: Line) -> Iterator[_Box]:
    """Yield the box of a person and those of the garments; somebody without a number is a track of one
    frame."""
    frame, garments = line.first_seq, person.get("garments", [])
    own = {"track": str(person["track"])} if "track" in person else {}
    if line.status == PREDICTED:
        own["predicted"] = "true"
    track = f"{person['track']:020}" if "track" in person else f"frame {frame:020} {number}"
    attributes = {
        "score": str(person["score"]),
        "garments": ";".join(garment["label"] for garment in garments),
        "colors": ";".join(garment.get("color", "") for garment in garments),
    }
    yield _box(track, frame, PERSON, person["box"], own | attributes)
    # The same label of the same region may be there twice.
    seen: dict[str, int] = {}
    for garment in garments:
        if "box" in garment:
            what = _xml(f"{track} {garment.get('region', '')} {garment['label']}")
            seen[what] = seen.get(what, 0) + 1
            yield _box(
                f"{what} {seen[what]}", frame, garment["label"], garment["box"], own | _attributes(garment)
            )


def _attributes(garment: Garment) -> dict[str, str]:
    found = {"score": str(garment["score"])}
    if "region" in garment:
        found["region"] = garment["region"]
    if "color" in garment:
        found["color"] = garment["color"]
    return found


def _box(track: str, frame: int, label: str, box_xyxy: list[float], attributes: dict[str, str]) -> _Box:
    x0, y0, x1, y1 = box_xyxy
    xml = "".join(
        f"<attribute name={quoteattr(name)}>{_escaped(value)}</attribute>"
        for name, value in attributes.items()
    )
    return _Box(track, frame, _xml(label), (x0, y0, x1, y1), xml)


def _xml(text: str) -> str:
    """Return a text without characters that XML 1.0 cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _escaped(text: str) -> str:
    """Return a text between tags; a carriage return would be read as a line feed."""
    return escape(_xml(text), {"\r": "&#13;"})


def _boxes_of(database: sqlite3.Connection, source: str) -> Iterator[_Box]:
    """Yield the boxes of a source, track by track, each from its first frame to its last."""
    found = database.execute(
        "SELECT track, frame, label, x0, y0, x1, y1, attributes FROM boxes WHERE source = ? "
        "ORDER BY track, frame",
        (source,),
    )
    for track, frame, label, *corners, attributes in found:
        yield _Box(track, frame, label, tuple(corners), attributes)


def _write_file(file: BinaryIO, name: str, source: _Source, boxes: Iterable[_Box]) -> None:
    def write(text: str) -> None:
        file.write(text.encode() + b"\n")

    write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>')
    write(_head(name, source))
    tracks = itertools.groupby(boxes, key=lambda box: box.track)
    for number, (_track, of_track) in enumerate(tracks):
        first = next(of_track)
        write(f'<track id="{number}" label={quoteattr(first.label)} source="auto">')
        before = first
        write(_element(first, first.frame, is_outside=False))
        for box in of_track:
            if box.frame > before.frame + 1:
                write(_element(before, before.frame + 1, is_outside=True))
            write(_element(box, box.frame, is_outside=False))
            before = box
        # Until it is said to be outside, a box stays.
        if before.frame < source.last_frame:
            write(_element(before, before.frame + 1, is_outside=True))
        write("</track>")
    write("</annotations>")


def _head(name: str, source: _Source) -> str:
    width, height = source.size_wh
    attributes = "".join(_attribute(text, "text", "") for text in TEXTS)
    attributes += _attribute("predicted", "checkbox", "false")
    labels = "\n".join(
        f"<label><name>{_escaped(label)}</name><attributes>{attributes}</attributes></label>"
        for label in source.labels
    )
    return (
        f"<meta>\n<task>\n<name>{_escaped(name)}</name>\n<size>{source.last_frame + 1}</size>\n"
        "<mode>interpolation</mode>\n<overlap>0</overlap>\n"
        f"<start_frame>0</start_frame>\n<stop_frame>{source.last_frame}</stop_frame>\n"
        f"<labels>\n{labels}\n</labels>\n"
        f"<original_size><width>{width}</width><height>{height}</height></original_size>\n"
        "</task>\n</meta>"
    )


def _attribute(name: str, kind: str, default: str) -> str:
    return (
        f"<attribute><name>{name}</name><mutable>True</mutable><input_type>{kind}</input_type>"
        f"<default_value>{default}</default_value><values>{default}</values></attribute>"
    )


def _element(box: _Box, frame: int, *, is_outside: bool) -> str:
    x0, y0, x1, y1 = box.corners_xyxy
    return (
        f'<box frame="{frame}" keyframe="1" outside="{int(is_outside)}" occluded="0" '
        f'xtl="{x0}" ytl="{y0}" xbr="{x1}" ybr="{y1}" z_order="0">{box.attributes}</box>'
    )
