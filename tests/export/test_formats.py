"""Each format, read back with its own library."""

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from fashion_pipeline.export import find, names
from fashion_pipeline.export.shared.exporting import export
from fashion_pipeline.stages.csv_sink import CsvSink
from framegraph.packet import OK, Packet
from framegraph.properties import read_options
from framegraph.stage import Context
from tests.export.comparisons import COMPARISONS
from tests.export.kit import garment, packet, person, story, write_results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results.jsonl", story())


def exported(results: Path, name: str) -> Path:
    out = results.with_name(f"out{find(name).suffix}")
    export([str(results)], name, out=out)
    return out


def test_every_format_is_compared_and_says_what_it_holds() -> None:
    assert set(names()) == set(COMPARISONS)
    assert all(find(name).line and find(name).suffix for name in names())


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_format_holds_what_the_records_hold(name: str, results: Path) -> None:
    COMPARISONS[name](results, exported(results, name))


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_run_without_frames_can_be_exported(name: str, tmp_path: Path) -> None:
    results = write_results(tmp_path / "results.jsonl", [])
    out = exported(results, name)
    if name != "mot":  # trackeval refuses a folder without sequences
        COMPARISONS[name](results, out)
    assert out.exists()


def test_csv_is_what_csv_sink_writes(tmp_path: Path) -> None:
    sink = CsvSink(read_options(CsvSink.Options, {"location": "unused"}), Context(name="table"))
    sink.open_at(tmp_path / "sink.csv", None)
    # csv_sink has no word for frames that a graph without a detector analyses.
    packets = [each for each in story() if each.status != OK or "people" in each.meta]
    for each in packets:
        if each.status == "dropped":
            sink.dropped(each, each.seq - 3, each.seq - 1, "leaky")
        else:
            sink.process(each)
    sink.finish()
    out = exported(write_results(tmp_path / "results.jsonl", packets), "csv")
    assert out.read_bytes() == (tmp_path / "sink.csv").read_bytes()


def test_coco_says_what_kind_of_frame_an_image_is(results: Path) -> None:
    coco = json.loads(exported(results, "coco").read_bytes())
    images = {(image["source"], image["seq"]): image for image in coco["images"]}
    assert images["camera", 8]["status"] == "predicted"
    assert images["camera", 7]["status"] == "ok"
    assert images["door", 0]["pixel_aspect_ratio"] == [64, 45]
    assert images["camera", 7]["file_name"] == "camera/00000007.jpg"
    assert [each["name"] for each in coco["categories"]].count("Hat") == 1


def test_coco_calls_a_picture_by_its_own_name(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results.jsonl", [packet(0, uri="photos/a.PNG")])
    (image,) = json.loads(exported(results, "coco").read_bytes())["images"]
    assert image["file_name"] == "photos/a.PNG"


def test_a_label_may_be_called_person(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results.jsonl", [packet(0, person(1, garment("person")))])
    for name in ("coco", "cvat"):
        COMPARISONS[name](results, exported(results, name))


def test_cvat_marks_predicted_boxes_and_lists_what_is_worn(results: Path) -> None:
    root = ElementTree.parse(exported(results, "cvat") / "camera.xml").getroot()
    boxes = [box for track in root.findall("track") if track.get("label") == "person" for box in track]
    told: dict[tuple[str | None, str], dict[str | None, str | None]] = {}
    for box in boxes:
        attributes = {each.get("name"): each.text for each in box}
        told[box.get("frame"), attributes.get("track") or ""] = attributes
    assert told["8", "1"]["predicted"] == "true"
    assert "predicted" not in told["7", "1"]
    assert told["7", "1"]["garments"] == "Стрелка 靴"
    assert told["7", "1"]["colors"] == "black"


def test_cvat_replaces_what_xml_cannot_hold(tmp_path: Path) -> None:
    worn = garment("a\x00b\rc]]>", color="\x1b")
    results = write_results(tmp_path / "results.jsonl", [packet(0, person(1, worn), person(2, worn))])
    root = ElementTree.parse(exported(results, "cvat") / "camera.xml").getroot()
    assert {track.get("label") for track in root.findall("track")} == {"person", "a\ufffdb\rc]]>"}
    assert root.findtext("track/box/attribute[@name='garments']") == "a\ufffdb\rc]]>"


def test_mot_tells_rate_length_and_size(tmp_path: Path) -> None:
    packets = [packet(0, person(1)), packet(5, person(1)), packet(9, status="dropped"), packet(10)]
    out = exported(write_results(tmp_path / "results.jsonl", packets), "mot")
    assert (out / "camera" / "seqinfo.ini").read_text().split() == [
        *("[Sequence]", "name=camera", "imDir=img1", "frameRate=10", "seqLength=11"),
        *("imWidth=640", "imHeight=480", "imExt=.jpg"),
    ]


def test_parquet_writes_groups_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet

    monkeypatch.setattr("fashion_pipeline.export.parquet.ROWS_IN_GROUP", 4)
    results = write_results(tmp_path / "results.jsonl", [packet(seq, person(1)) for seq in range(10)])
    file = pyarrow.parquet.ParquetFile(exported(results, "parquet"))
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [4, 4, 2]
    assert file.read().column("seq").to_pylist() == list(range(10))


NAMES = some.text(max_size=8)
EDGES = some.tuples(*[some.integers(-(10**7), 10**7).map(lambda thousandths: thousandths / 1000)] * 4).map(
    lambda four: [min(four[0], four[2]), min(four[1], four[3]), max(four[0], four[2]), max(four[1], four[3])]
)
SCORES = some.floats(0, 1)
GARMENTS = some.fixed_dictionaries(
    {"label": NAMES, "score": SCORES}, optional={"box": EDGES, "region": NAMES, "color": NAMES}
)
PEOPLE = some.fixed_dictionaries(
    {"box": EDGES, "score": SCORES},
    optional={
        "track": some.integers(0, 2**40),
        "garments": some.lists(GARMENTS, max_size=3),
        "unsure": some.lists(GARMENTS, max_size=1),
    },
)


@settings(max_examples=25, deadline=None)
@given(frames=some.lists(some.tuples(some.lists(PEOPLE, max_size=3), some.booleans(), NAMES), max_size=4))
def test_odd_values_come_back(
    frames: list[tuple[list[dict[str, Any]], bool, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    packets: list[Packet] = [
        packet(seq, *people, uri=uri, status=OK if is_ok else "failed(crop)")
        for seq, (people, is_ok, uri) in enumerate(frames)
    ]
    results = write_results(folder / "results.jsonl", packets)
    for name in ("coco", "csv", "parquet"):
        COMPARISONS[name](results, exported(results, name))


def test_a_column_of_the_table_has_each_label(results: Path) -> None:
    with exported(results, "csv").open(encoding="utf-8", newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    assert labels[0] == "Coat \"of' many <colours> & signs"
