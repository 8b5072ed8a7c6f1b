"""Reads each format with its own library and compares every box, score, number and label with the records."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.export.kit import (
    Sighting,
    analysed,
    garments_of,
    last_frame,
    not_analysed,
    people_of,
    records,
    rounded,
)


def compare_coco(results: Path, out: Path) -> None:
    from pycocotools.coco import COCO

    with redirect_stdout(io.StringIO()):
        coco = COCO(str(out))
        if coco.anns:  # it refuses an empty list
            assert len(coco.loadRes(coco.dataset["annotations"]).anns) == len(coco.anns)
    images, categories = coco.imgs, coco.cats
    assert {(image["source"], image["seq"]) for image in images.values()} == analysed(results)
    assert len(images) == len(analysed(results))
    found: list[Sighting] = []
    for number, each in coco.anns.items():
        assert number == each["id"]
        x0, y0, width, height = each["bbox"]
        image, category = images[each["image_id"]], categories[each["category_id"]]
        is_person = category["supercategory"] == "person"
        assert is_person == ("person_id" not in each)
        if not is_person:
            wearer = coco.anns[each["person_id"]]
            assert (wearer["image_id"], wearer.get("track_id")) == (image["id"], each.get("track_id"))
        box = (x0, y0, x0 + width, y0 + height)
        label = "person" if is_person else category["name"]
        found.append((image["source"], image["seq"], label, box, each["score"], each.get("track_id")))
    assert rounded(found) == rounded([*people_of(results), *garments_of(results)])
    worn = [one["attributes"]["garments"] for one in coco.anns.values() if "person_id" not in one]
    names = ("label", "score", "region", "color")
    assert worn == [
        [{name: each[name] for name in names if name in each} for each in one.get("garments", [])]
        for record in records(results)
        for one in record.get("people", [])
    ]
    missing = [
        (each["source"], each["first_seq"], each["last_seq"], each["status"])
        for each in coco.dataset["not_analysed"]
    ]
    assert missing == not_analysed(results)


def compare_csv(results: Path, out: Path) -> None:
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    people = [row for row in rows if row["person"]]
    found = [
        (
            row["source"],
            int(row["seq"]),
            "person",
            tuple(float(row[edge]) for edge in ("x0", "y0", "x1", "y1")),
            float(row["score"]),
            int(row["track"]) if row["track"] else None,
        )
        for row in people
    ]
    assert found == people_of(results)
    worn = [one.get("garments", []) for record in records(results) for one in record.get("people", [])]
    for row, garments in zip(people, worn, strict=True):
        for column, name in {
            "garments": "label",
            "garment_scores": "score",
            "garment_colors": "color",
        }.items():
            assert row[column] == ";".join(str(each.get(name, "")) for each in garments)
    missing = [
        (row["source"], *map(int, (row["seq"].split("-") * 2)[:2]), row["status"])
        for row in rows
        if row["status"] not in ("ok", "predicted")
    ]
    assert missing == not_analysed(results)
    seen = {(row["source"], int(row["seq"])) for row in rows if row["status"] in ("ok", "predicted")}
    assert seen == analysed(results)


def compare_parquet(results: Path, out: Path) -> None:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(out)
    assert table.schema.field("x0").metadata[b"unit"] == b"px"
    assert b"nanoseconds" in table.schema.field("pts_ns").metadata[b"description"]
    rows = table.to_pylist()
    people = [row for row in rows if row["person"] is not None]
    assert [
        (
            row["source"],
            row["seq"],
            "person",
            tuple(row[edge] for edge in ("x0", "y0", "x1", "y1")),
            row["score"],
            row["track"],
        )
        for row in people
    ] == people_of(results)
    both = [(record, one) for record in records(results) for one in record.get("people", [])]
    for row, (record, one) in zip(people, both, strict=True):
        assert row["run"] == record["run"]
        assert row["pixel_aspect_ratio"] == record.get("pixel_aspect_ratio", [1, 1])
        for name in ("series", "detected_at_seq", "age_frames", "looks", "settled"):
            assert row[name] == one.get(name)
        for name in ("garments", "unsure"):
            stored = [{**each, "color_shares": dict(each["color_shares"])} for each in row[name] or []]
            empty = dict.fromkeys(("region", "color", "box", "threshold")) | {"color_shares": {}}
            assert stored == [{**empty, **each} for each in one.get(name, [])]
    missing = [row for row in rows if row["status"] not in ("ok", "predicted")]
    assert [(row["source"], row["seq"], row["last_seq"], row["status"]) for row in missing] == not_analysed(
        results
    )
    assert {(row["source"], row["seq"]) for row in rows if row not in missing} == analysed(results)


def compare_mot(results: Path, out: Path) -> None:
    from trackeval.datasets import MotChallenge2DBox

    sources = sorted({record["source"] for record in records(results)})
    with redirect_stdout(io.StringIO()):
        dataset = MotChallenge2DBox(
            {
                "GT_FOLDER": str(out),
                "TRACKERS_FOLDER": str(out.parent),
                "TRACKERS_TO_EVAL": [out.name],
                "SKIP_SPLIT_FOL": True,
                "SEQMAP_FILE": str(out / "seqmap.txt"),
                "PRINT_CONFIG": False,
            }
        )
        assert sorted(dataset.seq_list) == sources
        read = {
            (source, is_truth): dataset._load_raw_file(out.name, source, is_gt=is_truth)
            for source in sources
            for is_truth in (True, False)
        }
    tracked = [each for each in people_of(results) if each[5] is not None]
    for is_truth, kind in ((True, "gt"), (False, "tracker")):
        found: list[Sighting] = []
        for source in sources:
            raw = read[source, is_truth]
            for frame, (ids, boxes) in enumerate(zip(raw[f"{kind}_ids"], raw[f"{kind}_dets"], strict=True)):
                scores = [1.0] * len(ids) if is_truth else raw["tracker_confidences"][frame]
                for number, (left, top, width, height), score in zip(ids, boxes, scores, strict=True):
                    box = (left - 1, top - 1, left - 1 + width, top - 1 + height)
                    found.append((source, frame, "person", tuple(map(float, box)), float(score), int(number)))
        expected = [(*each[:4], 1.0 if is_truth else each[4], each[5]) for each in tracked]
        assert rounded(found) == rounded(expected)
    for source in sources:
        lines = (out / source / "det" / "det.txt").read_text().splitlines()
        rows = [list(map(float, line.split(","))) for line in lines]
        assert all(row[1] == -1 and row[7:] == [-1, -1, -1] for row in rows)
        found = [
            (
                source,
                int(row[0]) - 1,
                "person",
                (row[2] - 1, row[3] - 1, row[2] + row[4] - 1, row[3] + row[5] - 1),
                row[6],
                None,
            )
            for row in rows
        ]
        assert rounded(found) == rounded(
            (*each[:5], None) for each in people_of(results) if each[0] == source
        )
        with (out / source / "not_analysed.csv").open(newline="") as file:
            missing = [
                (source, int(first) - 1, int(last) - 1, why)
                for first, last, why in list(csv.reader(file))[1:]
            ]
        assert missing == [each for each in not_analysed(results) if each[0] == source]


def compare_cvat(results: Path, out: Path) -> None:
    """Read by the layout of CVAT's documentation: outside boxes end a track, labels are declared."""
    found: list[Sighting] = []
    for source in sorted({record["source"] for record in records(results)}):
        root = ElementTree.parse(out / f"{source}.xml").getroot()
        assert [child.tag for child in root][:2] == ["version", "meta"]
        assert root.findtext("version") == "1.1"
        declared = {
            label.findtext("name"): {each.findtext("name") for each in label.findall("attributes/attribute")}
            for label in root.findall("meta/task/labels/label")
        }
        last = max(last_frame(record) for record in records(results) if record["source"] == source)
        assert root.findtext("meta/task/size") == str(last + 1)
        for number, track in enumerate(root.findall("track")):
            assert track.get("id") == str(number)
            found += _shown(track, source, declared, last)
        with (out / f"{source}.not_analysed.csv").open(newline="") as file:
            missing = [(source, int(first), int(to), why) for first, to, why in list(csv.reader(file))[1:]]
        assert missing == [each for each in not_analysed(results) if each[0] == source]
    assert rounded(found) == rounded([*people_of(results), *garments_of(results)])


def _shown(track: Any, source: str, declared: dict[Any, Any], last: int) -> list[Sighting]:
    """Return what CVAT shows of a track: a box stays until the next, or until it is outside."""
    label, boxes = track.get("label"), track.findall("box")
    frames = [int(box.get("frame")) for box in boxes]
    assert frames == sorted(set(frames))
    assert frames[-1] == last or boxes[-1].get("outside") == "1"
    found: list[Sighting] = []
    for box, frame, following in zip(boxes, frames, [*frames[1:], frames[-1] + 1], strict=True):
        assert (box.get("keyframe"), box.get("occluded")) == ("1", "0")
        attributes = {each.get("name"): each.text or "" for each in box.findall("attribute")}
        assert attributes.keys() <= declared[label]
        if box.get("outside") == "1":
            continue
        assert following == frame + 1
        corners = tuple(float(box.get(edge)) for edge in ("xtl", "ytl", "xbr", "ybr"))
        number = int(attributes["track"]) if "track" in attributes else None
        found.append((source, frame, label, corners, float(attributes["score"]), number))
    assert Counter(each[1] for each in found).most_common(1)[0][1] == 1
    return found


COMPARISONS: dict[str, Callable[[Path, Path], None]] = {
    "coco": compare_coco,
    "csv": compare_csv,
    "parquet": compare_parquet,
    "mot": compare_mot,
    "cvat": compare_cvat,
}
