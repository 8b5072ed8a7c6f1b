"""The folder of crops: names, labels, and that nothing is there twice."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fashion_pipeline.stages.crops_sink import CropsSink, cut_box, label_folder
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context


def make_sink(folder: Path, **properties: object) -> CropsSink:
    options = read_options(CropsSink.Options, {"location": str(folder), **properties})
    sink = CropsSink(options, Context(name="crops", source="camera"))
    sink.open()
    return sink


def person(label: str | None = "Coat", box: tuple[float, ...] = (10, 10, 30, 50), score: float = 0.9) -> dict:
    garments = [] if label is None else [{"label": label, "score": 0.8, "region": "whole", "box": list(box)}]
    return {"box": list(box), "score": score, "garments": garments}


def packet(*people: dict, seq: int = 3, status: str = "ok") -> Packet:
    image_bgr = np.zeros((60, 80, 3), np.uint8)
    image_bgr[10:50, 10:30] = (0, 0, 250)
    made = Packet(source="camera", seq=seq, status=status, meta={"people": list(people)})
    made.image_bgr = image_bgr
    return made


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_nobody_is_an_empty_folder(tmp_path: Path) -> None:
    make_sink(tmp_path / "crops").process(packet())
    assert files(tmp_path / "crops") == []


def test_each_person_is_in_the_folder_of_the_label(tmp_path: Path) -> None:
    sink = make_sink(tmp_path)
    sink.process(packet(person("T-shirt/top"), person("Ankle boot", (40, 5, 60, 20)), person(None)))
    assert files(tmp_path) == [
        "Ankle boot/camera-00000003-1.jpg",
        "T-shirt-top/camera-00000003-0.jpg",
        "person/camera-00000003-2.jpg",
    ]
    crop = cv2.imread(str(tmp_path / "T-shirt-top/camera-00000003-0.jpg"))
    assert crop.shape == (40, 20, 3)
    assert crop[..., 2].mean() > 240
    assert sink.remarks() == [f"3 crops in {tmp_path}"]


def test_a_frame_that_comes_again_is_not_there_twice(tmp_path: Path) -> None:
    make_sink(tmp_path).process(packet(person(), person("Bag")))
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    make_sink(tmp_path).process(packet(person(), person("Bag")))
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before


def test_who_is_too_small_unsure_or_not_analysed_is_left_out(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, **{"min-height": 20, "min-score": 0.5, "every": 2})
    sink.process(packet(person(box=(0, 0, 9, 19)), person(score=0.4), person(), seq=4))
    sink.process(packet(person(), seq=5))
    sink.process(packet(person(), seq=6, status="failed"))
    sink.process(packet(person(box=(90, 0, 99, 40)), seq=8))
    assert files(tmp_path) == ["Coat/camera-00000004-2.jpg"]


def test_a_predicted_box_is_no_crop(tmp_path: Path) -> None:
    make_sink(tmp_path).process(packet({**person(), "detected_at_seq": 2}, person("Bag")))
    assert files(tmp_path) == ["Bag/camera-00000003-1.jpg"]


@pytest.mark.parametrize(
    ("box", "margin", "shape"),
    [
        ((10, 10, 30, 50), 0.0, (40, 20)),
        ((10, 10, 30, 50), 0.25, (60, 30)),  # cut at the frame's edges
        ((70, 40, 100, 90), 0.0, (20, 10)),
        ((90, 10, 99, 50), 0.0, (40, 0)),  # outside
    ],
)
def test_a_box_is_widened_and_cut_at_the_edge(box: tuple, margin: float, shape: tuple[int, int]) -> None:
    assert cut_box(np.zeros((60, 80, 3), np.uint8), list(box), margin).shape[:2] == shape


@pytest.mark.parametrize(
    ("label", "name"),
    [("T-shirt/top", "T-shirt-top"), ("../..", "person"), ("Été 2", "Été 2"), ("", "person")],
)
def test_a_label_never_leaves_the_folder(label: str, name: str) -> None:
    assert label_folder(person(label)) == name
