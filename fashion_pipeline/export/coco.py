"""COCO: images, boxes of people and of their garments, and the labels as categories."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from fashion_pipeline.export.shared.format import Format
from fashion_pipeline.export.shared.records import Line
from fashion_pipeline.fashion.findings import FrameRecord, Garment, Person, in_brief
from fashion_pipeline.stages.media.uri import IMAGE_SUFFIXES
from framegraph.support.whole_files import whole_file

PERSON, GARMENT = "person", "garment"


class Coco(Format):
    line = "COCO JSON: boxes of people and garments with score, track and colour"
    suffix = ".coco.json"

    def write(self, lines: Iterable[Line], out: Path) -> None:
        categories = _Categories()
        # Annotations come in the same order as images, but are a list of their own.
        with (
            whole_file(out) as file,
            tempfile.TemporaryFile(dir=out.parent) as annotations_file,
            tempfile.TemporaryFile(dir=out.parent) as not_analysed_file,
        ):
            images = _Array(file, b'{"images":[\n')
            annotations = _Array(annotations_file, b'],\n"annotations":[\n')
            not_analysed = _Array(not_analysed_file, b'],\n"not_analysed":[\n')
            for line in lines:
                if line.frame is None or not line.is_analysed:
                    not_analysed.add(_missing(line))
                    continue
                image_id = images.add(_image(line, line.frame, images.count + 1))
                for person in line.people:
                    _add_person(annotations, person, image_id, categories)
            for part in (annotations_file, not_analysed_file):
                part.seek(0)
                shutil.copyfileobj(part, file)
            ending = _Array(file, b'],\n"categories":[\n')
            for category in categories.all():
                ending.add(category)
            file.write(b"]}\n")


class _Array:
    """A JSON array, written element by element behind `head`; its end is left to what follows."""

    def __init__(self, file: IO[bytes], head: bytes) -> None:
        self._file = file
        self.count = 0
        file.write(head)

    def add(self, element: Mapping[str, Any]) -> int:
        """Write an element and return its number, from 1."""
        text = json.dumps(element, ensure_ascii=False, separators=(",", ":"))
        self._file.write((",\n" if self.count else "").encode() + text.encode())
        self.count += 1
        return self.count


class _Categories:
    """People, and each label in the order in which it first appears. A label may be called "person"."""

    def __init__(self) -> None:
        self._ids = {(PERSON, PERSON): 1}

    def id_of(self, kind: str, name: str) -> int:
        return self._ids.setdefault((kind, name), len(self._ids) + 1)

    def all(self) -> list[dict[str, Any]]:
        return [
            {"id": number, "name": name, "supercategory": kind} for (kind, name), number in self._ids.items()
        ]


def _image(line: Line, frame: FrameRecord, number: int) -> dict[str, Any]:
    """Return an image; its name is that of the picture, or for a frame of a film SOURCE/SEQ.jpg."""
    width, height = frame["size_wh"]
    is_picture = Path(frame["uri"]).suffix.lower() in IMAGE_SUFFIXES
    image = {
        "id": number,
        "file_name": frame["uri"] if is_picture else f"{line.source}/{line.first_seq:08d}.jpg",
        "width": width,
        "height": height,
        "status": line.status,
        "run": line.run,
        "source": line.source,
        "seq": line.first_seq,
        "pts_ns": frame["pts_ns"],
        "uri": frame["uri"],
    }
    if "pixel_aspect_ratio" in frame:
        image["pixel_aspect_ratio"] = frame["pixel_aspect_ratio"]
    return image


def _missing(line: Line) -> dict[str, Any]:
    return {
        "source": line.source,
        "first_seq": line.first_seq,
        "last_seq": line.last_seq,
        "status": line.status,
    }


def _add_person(annotations: _Array, person: Person, image_id: int, categories: _Categories) -> None:
    """Add a person, and each of the garments that has a box."""
    attributes: dict[str, Any] = {"garments": [in_brief(garment) for garment in person.get("garments", [])]}
    if "detected_at_seq" in person:
        attributes["detected_at_seq"] = person["detected_at_seq"]
    tracked = {"track_id": person["track"]} if "track" in person else {}
    person_id = annotations.add(
        {
            **_box(annotations, image_id, categories.id_of(PERSON, PERSON), person["box"], person["score"]),
            **tracked,
            "attributes": attributes,
        }
    )
    for garment in person.get("garments", []):
        if "box" in garment:
            category_id = categories.id_of(GARMENT, garment["label"])
            annotations.add(
                {
                    **_box(annotations, image_id, category_id, garment["box"], garment["score"]),
                    **tracked,
                    "person_id": person_id,
                    "attributes": _looks(garment),
                }
            )
        else:
            categories.id_of(GARMENT, garment["label"])


def _looks(garment: Garment) -> dict[str, Any]:
    brief = in_brief(garment)
    return {name: brief[name] for name in ("region", "color") if name in brief}


def _box(
    annotations: _Array, image_id: int, category_id: int, box_xyxy: list[float], score: float
) -> dict[str, Any]:
    x0, y0, x1, y1 = box_xyxy
    # What subtracting adds in the last places is no measurement.
    width, height = round(x1 - x0, 6), round(y1 - y0, 6)
    return {
        "id": annotations.count + 1,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [x0, y0, width, height],
        "area": round(width * height, 6),
        "iscrowd": 0,
        "segmentation": [],
        "score": score,
    }
