"""The detectors that PyTorch runs, on weights made here: they load, answer as promised, and say what is wrong."""

from pathlib import Path

import numpy as np
import pytest

from fashion_pipeline.fashion.weights import WEIGHTS
from fashion_pipeline.stages.detect import Detect
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context
from tests.stages.torch_weights import write_torchvision, write_yolov3

IMAGE_BGR = np.random.default_rng(0).integers(0, 255, (20, 400, 3), np.uint8)
"""Long and low: the networks of 800 pixels bring the longer side to 1333, so it stays small."""


def make_detect(model: str, weights: Path | str, **properties: object) -> Detect:
    options = read_options(Detect.Options, {"model": model, "weights": str(weights), **properties})
    Detect.check(options)
    detect = Detect(options, Context(name="find"))
    detect.open()
    return detect


def people_of(detect: Detect, image_bgr: np.ndarray = IMAGE_BGR) -> list[dict[str, list[float]]]:
    packet = Packet(source="camera", seq=0)
    packet.image_bgr = image_bgr
    detect.process(packet)
    assert packet.meta["model"]["find"].startswith("sha256:")
    for person in packet.meta["people"]:
        x0, y0, x1, y1 = person["box"]
        assert 0 <= x0 < x1 <= image_bgr.shape[1]
        assert 0 <= y0 < y1 <= image_bgr.shape[0]
    scores = [person["score"] for person in packet.meta["people"]]
    assert scores == sorted(scores, reverse=True)
    return packet.meta["people"]


@pytest.fixture(scope="module")
def retinanet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_torchvision(tmp_path_factory.mktemp("weights") / "net.pth", "retinanet_resnet50_fpn")


@pytest.mark.slow
@pytest.mark.imageai
def test_retinanet_is_the_same_by_imageai_and_by_torchvision(retinanet: Path) -> None:
    by_imageai = people_of(make_detect("retinanet", retinanet))
    by_torchvision = people_of(make_detect("torchvision/retinanet_resnet50_fpn", retinanet, confidence=0.7))
    assert len(by_imageai) > 20
    # ImageAI cuts the boxes to whole pixels, so that one beside the limit of overlap may go the other way.
    assert len(by_imageai) == pytest.approx(len(by_torchvision), abs=5)
    best, other = by_imageai[0], by_torchvision[0]
    assert best["box"] == pytest.approx(other["box"], abs=1)
    assert best["score"] == pytest.approx(other["score"], abs=1e-3)
    assert all(person["score"] >= 0.7 for person in by_imageai)


@pytest.mark.imageai
@pytest.mark.parametrize("model", ["tiny-yolov3", pytest.param("yolov3", marks=pytest.mark.slow)])
def test_yolov3_loads_and_finds_people(model: str, tmp_path: Path) -> None:
    detect = make_detect(model, write_yolov3(tmp_path / "net.pt", model))
    assert people_of(detect)


@pytest.mark.parametrize(
    "name",
    [
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        "ssdlite320_mobilenet_v3_large",
        *(
            pytest.param(model.removeprefix("torchvision/"), marks=pytest.mark.slow)
            for model in WEIGHTS
            if model.startswith("torchvision/")
            and "320" not in model
            and "retinanet_resnet50_fpn" not in model
        ),
        pytest.param("retinanet_resnet50_fpn_v2", marks=pytest.mark.slow),
    ],
)
def test_a_torchvision_detector_loads_and_finds_people(name: str, tmp_path: Path) -> None:
    weights = write_torchvision(tmp_path / "net.pth", name)
    assert people_of(make_detect(f"torchvision/{name}", weights, confidence=0.3))


def test_another_class_and_a_smaller_input_can_be_given(retinanet: Path) -> None:
    model = "torchvision/retinanet_resnet50_fpn"
    assert people_of(make_detect(model, retinanet, **{"person-class": 3, "size": 64})) == []
    with pytest.raises(GraphError, match="has a fixed size; leave 'size' out"):
        make_detect("torchvision/ssd300_vgg16", retinanet, size=320)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(model, marks=[] if model.startswith("torchvision/") else pytest.mark.imageai)
        for model in sorted(set(WEIGHTS) - {"ssdlite-tensorflow"})
    ],
)
def test_missing_weights_are_one_sentence_with_address_and_checksum(model: str, tmp_path: Path) -> None:
    published = WEIGHTS[model]
    with pytest.raises(GraphError) as caught:
        make_detect(model, tmp_path / "away.pth")
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'away.pth'}: the weights of detector '{model}' are missing or empty")
    assert published.url in said
    assert f"`fashion-pipeline weights {model}`" in said
    assert (published.sha256 or "no checksum") in said


@pytest.mark.parametrize(
    "model",
    [
        pytest.param("tiny-yolov3", marks=pytest.mark.imageai),
        "torchvision/ssdlite320_mobilenet_v3_large",
    ],
)
def test_weights_of_another_network_or_no_weights_are_one_sentence(
    model: str, retinanet: Path, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match=rf"net\.pth: not the weights of detector '{model}'"):
        make_detect(model, retinanet)
    broken = tmp_path / "broken.pth"
    broken.write_bytes(b"not a checkpoint" * 100)
    with pytest.raises(StageError, match=r"broken\.pth: not the weights of detector"):
        make_detect(model, broken)


@pytest.mark.imageai
def test_what_imageai_cannot_do_is_said_before_anything_starts(retinanet: Path) -> None:
    with pytest.raises(GraphError, match=r"ImageAI gives nothing below 0\.5; raise 'confidence'"):
        make_detect("retinanet", retinanet, confidence=0.4)
    with pytest.raises(GraphError, match="'retinanet' is run by torch; set engine: auto or torch"):
        make_detect("retinanet", retinanet, engine="openvino")
    with pytest.raises(GraphError, match="'head' is for ONNX exports"):
        make_detect("retinanet", retinanet, head="yolov8")


def test_a_detector_that_torchvision_lacks_is_said_before_anything_starts(retinanet: Path) -> None:
    with pytest.raises(GraphError, match="torchvision has no detector 'faster_rcnn'"):
        make_detect("torchvision/faster_rcnn", retinanet)
