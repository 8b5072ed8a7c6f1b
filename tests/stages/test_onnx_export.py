"""Exports of YOLO and RT-DETR: each head on a small graph with known boxes, by both engines."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from fashion_pipeline.stages.detect import Detect
from fashion_pipeline.stages.detectors.heads import HEADS, HeadError, recognise_head
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context
from tests.stages.onnx_graphs import write_fixed, write_red_reader

ENGINES = ("openvino", "onnxruntime")
FRAME_BGR = np.zeros((60, 120, 3), np.uint8)
"""In an input of 64 x 64 it is scaled by 64 / 120 to 64 x 32 and stands 16 pixels below the top."""

# Two people and a car; of the second person there is a double that NMS takes away. In pixels of the frame.
PEOPLE = [([12.0, 6.0, 36.0, 54.0], 0.9), ([60.0, 12.0, 84.0, 60.0], 0.6)]
DOUBLE, CAR = ([61.0, 12.0, 84.0, 60.0], 0.55), ([90.0, 0.0, 120.0, 30.0], 0.95)
PERSON_CLASS, CAR_CLASS, CLASSES = 0, 2, 3


def finds() -> list[tuple[list[float], float, int]]:
    people = [(box, score, PERSON_CLASS) for box, score in [*PEOPLE, DOUBLE]]
    return [*people, (*CAR, CAR_CLASS)]


def in_input(box: list[float]) -> list[float]:
    scale = 64 / 120
    return [edge * scale + (0, 16)[index % 2] for index, edge in enumerate(box)]


def centred(box: list[float]) -> list[float]:
    x0, y0, x1, y1 = box
    return [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]


def fractions(box: list[float]) -> list[float]:
    return centred([edge / (120, 60)[index % 2] for index, edge in enumerate(box)])


def one_hot(score: float, label: int) -> list[float]:
    return [score if index == label else 0.0 for index in range(CLASSES)]


def padded(rows: list[list[float]], count: int) -> np.ndarray:
    """Rows of finds, then empty ones, float32 1 x count x columns."""
    table = np.zeros((1, count, len(rows[0])), np.float32)
    table[0, : len(rows)] = rows
    return table


def logits(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped)).astype(np.float32)


def outputs_of(head: str) -> dict[str, np.ndarray]:
    """What an export with that head gives for the finds above."""
    found = finds()
    if head == "yolov8":
        rows = [[*centred(in_input(box)), *one_hot(score, label)] for box, score, label in found]
        return {"output0": np.ascontiguousarray(padded(rows, 84).transpose(0, 2, 1))}
    if head == "yolov5":
        rows = [[*centred(in_input(box)), 0.95, *one_hot(score / 0.95, label)] for box, score, label in found]
        return {"output": padded(rows, 2000)}
    if head == "nms":
        return {"output0": padded([[*in_input(box), score, label] for box, score, label in found], 300)}
    if head == "nms-batched":
        return {
            "output": np.array([[0, *in_input(box), label, score] for box, score, label in found], np.float32)
        }
    if head == "rtdetr":
        scores = padded([one_hot(score, label) for _box, score, label in found], 300)
        boxes = padded([fractions(box) for box, _score, _label in found], 300)
        return {"logits": logits(scores), "pred_boxes": boxes}
    if head == "rtdetr-joined":
        rows = [[*fractions(box), *one_hot(score, label)] for box, score, label in found]
        return {"output0": padded(rows, 300)}
    if head in ("ssd", "yolox", "rtmdet", "rtmdet-raw"):
        return outputs_in_corner(head)
    boxes, scores, labels = zip(*found, strict=True)
    return {
        "labels": np.array([labels], np.int64),
        "boxes": np.array([boxes], np.float32),
        "scores": np.array([scores], np.float32),
    }


def outputs_in_corner(head: str) -> dict[str, np.ndarray]:
    """The same of the heads whose picture is stretched, or stands in the input's upper left corner."""
    found = finds()
    in_corner = [[edge * 64 / 120 for edge in box] for box, _score, _label in found]
    scores = [one_hot(score, label) for _box, score, label in found]
    if head == "ssd":
        table = np.zeros((1, 1, 200, 7), np.float32)
        table[..., 0] = -1
        for row, (box, score, label) in enumerate(found):
            table[0, 0, row] = [0, label, score, *(edge / (120, 60)[i % 2] for i, edge in enumerate(box))]
        return {"detection_out": table}
    if head == "rtmdet":
        rows = [[*box, score] for box, (_box, score, _label) in zip(in_corner, found, strict=True)]
        labels = [label for _box, _score, label in found]
        return {"dets": padded(rows, 100), "labels": np.array([labels + [0] * (100 - len(labels))], np.int64)}
    places = range(9, 9 + len(found))  # of the finest grid, which is 8 wide: the second row
    if head == "yolox":
        table = np.zeros((1, 64 + 16 + 4, 5 + CLASSES), np.float32)
        for place, box, classes in zip(places, in_corner, scores, strict=True):
            x, y, width, height = centred(box)
            offsets = [x / 8 - place % 8, y / 8 - place // 8, np.log(width / 8), np.log(height / 8)]
            table[0, place] = [*offsets, 0.95, *(score / 0.95 for score in classes)]
        return {"output": table}
    maps = {}
    for stride in (8, 16, 32):
        side = 64 // stride
        maps[f"cls_{stride}"] = np.full((1, CLASSES, side, side), -9, np.float32)
        maps[f"box_{stride}"] = np.zeros((1, 4, side, side), np.float32)
    for place, box, classes in zip(places, in_corner, scores, strict=True):
        x, y = place % 8 * 8, place // 8 * 8
        maps["cls_8"][0, :, place // 8, place % 8] = logits(np.array(classes))
        maps["box_8"][0, :, place // 8, place % 8] = [x - box[0], y - box[1], box[2] - x, box[3] - y]
    return maps


def detect_people(
    model: Path, image_bgr: np.ndarray = FRAME_BGR, **properties: object
) -> list[dict[str, object]]:
    options = read_options(Detect.Options, {"model": str(model), **properties})
    Detect.check(options)
    detect = Detect(options, Context(name="detect"))
    detect.open()
    packet = Packet(source="camera", seq=0)
    packet.image_bgr = image_bgr
    return detect.process(packet).meta["people"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("head", HEADS)
def test_each_head_is_recognised_and_its_people_stand_where_they_are(
    head: str, engine: str, tmp_path: Path
) -> None:
    outputs = outputs_of(head)
    assert recognise_head(outputs, (64, 64)) == head
    model = write_fixed(tmp_path / "net.onnx", outputs, with_sizes=head == "rtdetr-pixels")
    people = detect_people(model, engine=engine)
    assert [person["score"] for person in people] == pytest.approx([score for _, score in PEOPLE], abs=1e-3)
    for person, (box, _score) in zip(people, PEOPLE, strict=True):
        assert person["box"] == pytest.approx(box, abs=0.11)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_network_is_shown_a_fitted_picture_in_rgb_from_0_to_1(engine: str, tmp_path: Path) -> None:
    image_bgr = FRAME_BGR.copy()
    image_bgr[:, :, 2] = 204
    model = write_red_reader(tmp_path / "red.onnx", at_xy=(32, 32), box_cxcywh=[32, 32, 16, 16])
    (person,) = detect_people(model, image_bgr, engine=engine)
    assert person["score"] == pytest.approx(204 / 255, abs=1e-3)
    assert person["box"] == pytest.approx([45, 15, 75, 45], abs=0.11)
    padding = write_red_reader(tmp_path / "padding.onnx", at_xy=(32, 4), box_cxcywh=[32, 32, 16, 16])
    (person,) = detect_people(padding, image_bgr, engine=engine, confidence=0.1)
    assert person["score"] == pytest.approx(114 / 255, abs=1e-3)


def test_nobody_is_an_empty_list(tmp_path: Path) -> None:
    for head in HEADS:
        nothing = {name: np.zeros_like(array) for name, array in outputs_of(head).items()}
        for name in nothing:
            if name.startswith(("logits", "cls")):
                nothing[name] -= 9
        model = write_fixed(tmp_path / f"{head}.onnx", nothing, with_sizes=head == "rtdetr-pixels")
        assert detect_people(model, engine="onnxruntime") == []
    built_in = {"output": np.zeros((0, 6), np.float32)}
    assert detect_people(write_fixed(tmp_path / "none.onnx", built_in), engine="onnxruntime") == []


def test_an_open_input_takes_the_given_size_and_half_floats_work(tmp_path: Path) -> None:
    model = write_fixed(
        tmp_path / "open.onnx",
        outputs_of("yolov8"),
        input_sides=(1, 3, "height", "width"),
        dtype=TensorProto.FLOAT16,
    )
    assert len(detect_people(model, size=64, engine="onnxruntime")) == 2
    fixed = write_fixed(tmp_path / "fixed.onnx", outputs_of("yolov8"))
    with pytest.raises(StageError, match=r"fixed\.onnx: its input is fixed to 64 x 64; leave 'size' out"):
        detect_people(fixed, size=320)


def test_a_head_and_a_class_can_be_given(tmp_path: Path) -> None:
    # Few candidates: as wide as high, no shape tells that it is turned.
    turned = np.ascontiguousarray(outputs_of("yolov8")["output0"].transpose(0, 2, 1))
    model = write_fixed(tmp_path / "net.onnx", {"output0": turned})
    assert len(detect_people(model, head="yolov8")) == 2
    (car,) = detect_people(model, head="yolov8", **{"person-class": CAR_CLASS})
    assert car["score"] == pytest.approx(CAR[1], abs=1e-3)
    with pytest.raises(StageError, match=r"do not fit head 'yolov8' with person-class 7"):
        detect_people(model, head="yolov8", **{"person-class": 7})
    with pytest.raises(GraphError, match=r"'head': is not known; did you mean 'yolov8'"):
        detect_people(model, head="yolo8")


@pytest.mark.parametrize(
    ("shapes", "head"),
    [
        ({"output0": (1, 84, 8400)}, "yolov8"),  # YOLO v8 and 11 on COCO
        ({"output0": (1, 5, 8400)}, "yolov8"),  # one class
        ({"output0": (1, 6, 8400)}, "yolov8"),  # two classes
        ({"output": (1, 25200, 85)}, "yolov5"),
        ({"output": (1, 25200, 6)}, "yolov5"),  # one class: as wide as a table after NMS, but much longer
        ({"output0": (1, 300, 6)}, "nms"),  # YOLO v10, or nms=True
        ({"output0": (0, 6)}, "nms"),  # nobody
        ({"output": (0, 7)}, "nms-batched"),
        ({"output0": (1, 300, 84)}, "rtdetr-joined"),
        ({"logits": (1, 300, 80), "pred_boxes": (1, 300, 4)}, "rtdetr"),
        ({"logits": (1, 300, 4), "pred_boxes": (1, 300, 4)}, "rtdetr"),
        ({"labels": (1, 300), "boxes": (1, 300, 4), "scores": (1, 300)}, "rtdetr-pixels"),
    ],
)
def test_shapes_of_published_exports_are_recognised(shapes: dict[str, tuple[int, ...]], head: str) -> None:
    assert recognise_head({name: np.empty(shape, np.float32) for name, shape in shapes.items()}) == head


@pytest.mark.parametrize("shape", [(1, 1000), (1, 3, 64, 64), (1, 8400, 4), (10,)])
def test_outputs_of_no_known_layout_are_named_with_the_remedy(shape: tuple[int, ...]) -> None:
    described = "x".join(map(str, shape))
    with pytest.raises(HeadError, match=rf"out {described}\) have no known layout; .* property 'head'"):
        recognise_head({"out": np.empty(shape, np.float32)})


def test_what_cannot_be_a_detector_is_one_sentence(tmp_path: Path) -> None:
    classifier = write_fixed(tmp_path / "classifier.onnx", {"logits": np.zeros((1, 10), np.float32)})
    with pytest.raises(StageError, match=r"classifier\.onnx: its outputs .* have no known layout"):
        detect_people(classifier)
    grey = write_fixed(tmp_path / "grey.onnx", outputs_of("yolov8"), input_sides=(1, 1, 64, 64))
    with pytest.raises(StageError, match=r"grey\.onnx: its input is float32 \(1, 1, 64, 64\); export it"):
        detect_people(grey)
    with pytest.raises(GraphError, match=r"away\.onnx: no such model file"):
        detect_people(tmp_path / "away.onnx")
    with pytest.raises(GraphError, match="leave 'weights' out"):
        detect_people(classifier, weights="other.pt")
