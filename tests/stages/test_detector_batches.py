"""Several frames in one pass give what each gives alone. `openvino:CPU` stands for a device with batches."""

from pathlib import Path

import av
import numpy as np
import pytest

from fashion_pipeline.stages.detect import Detect
from fashion_pipeline.stages.detectors import open_detector
from fashion_pipeline.stages.detectors.detector import Detector, DetectorSettings
from framegraph.errors import StageError
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context
from framegraph.testing import make_packet
from tests.stages.onnx_graphs import write_fixed, write_red_reader

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "plaza.mp4"
WITH_BATCHES = "openvino:CPU"


@pytest.fixture(scope="module")
def images_bgr() -> list[np.ndarray]:
    """Frames of the sample, one of them cut smaller, and one of nobody."""
    with av.open(str(SAMPLE)) as film:
        frames = [frame.to_ndarray(format="bgr24") for frame in film.decode(video=0)][::40]
    return [*frames, frames[0][:300, 200:500], np.full((90, 120, 3), 127, np.uint8)]


def make_detector(model: str, device: str) -> Detector:
    return open_detector(
        model, DetectorSettings(confidence=0.4, iou=0.5, device=device, precision="float32", model=model)
    )


def assert_same(
    found: list[tuple[np.ndarray, np.ndarray]], known: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    for (boxes_xyxy, scores), (known_xyxy, known_scores) in zip(found, known, strict=True):
        np.testing.assert_allclose(boxes_xyxy, known_xyxy, atol=0.05)
        np.testing.assert_allclose(scores, known_scores, atol=1e-3)


@pytest.mark.parametrize("model", ["nanodet", "ssdlite"])
def test_a_batch_finds_what_each_frame_has(model: str, images_bgr: list[np.ndarray]) -> None:
    alone = make_detector(model, "cpu")
    known = [alone.detect(image_bgr) for image_bgr in images_bgr]
    assert sum(len(scores) for _boxes, scores in known) > 10
    assert_same(alone.detect_batch(images_bgr), known)
    assert_same(make_detector(model, WITH_BATCHES).detect_batch(images_bgr), known)


def passes(detector: Detector) -> list[int]:
    """Let a detector note how many pictures each pass of its network has."""
    engine, sizes = detector._engine, []  # type: ignore[attr-defined]
    run = engine.run

    def noted(inputs):
        sizes.append(len(next(iter(inputs.values()))))
        return run(inputs)

    engine.run = noted
    return sizes


def test_only_where_it_is_quicker_frames_share_a_pass(images_bgr: list[np.ndarray]) -> None:
    for device, expected in (("cpu", [1, 1, 1]), (WITH_BATCHES, [3])):
        detector = make_detector("nanodet", device)
        sizes = passes(detector)
        detector.detect_batch(images_bgr[:3])
        assert sizes == expected


def test_an_export_of_open_batch_takes_several(tmp_path: Path) -> None:
    path = write_red_reader(tmp_path / "red.onnx", at_xy=(32, 32), box_cxcywh=[32, 32, 20, 40], batch="n")
    detector = make_detector(str(path), WITH_BATCHES)
    sizes = passes(detector)
    images_bgr = [np.full((64, 64, 3), (0, 0, red), np.uint8) for red in (255, 0, 128)]
    found = detector.detect_batch(images_bgr)
    assert sizes == [3]
    assert [scores.tolist() for _boxes, scores in found] == [[1.0], [], [pytest.approx(128 / 255)]]


def test_an_export_that_answers_for_all_at_once_is_asked_one_by_one(tmp_path: Path) -> None:
    row = np.array([[16, 16, 48, 48, 0.9, 0]], np.float32)
    path = write_fixed(tmp_path / "nms.onnx", {"output0": row}, input_sides=("n", 3, 64, 64))
    detector = make_detector(str(path), WITH_BATCHES)
    sizes = passes(detector)
    found = detector.detect_batch([np.zeros((64, 64, 3), np.uint8)] * 2)
    assert sizes == [1, 1]
    assert [len(boxes) for boxes, _scores in found] == [1, 1]


def make_stage_on(device: str, **properties: object) -> Detect:
    stage = Detect(read_options(Detect.Options, properties), Context(name="detect", device=device))
    stage.open()
    return stage


@pytest.mark.parametrize("interval", [1, 3])
def test_the_stage_answers_a_batch_as_it_answers_each_frame(
    interval: int, images_bgr: list[np.ndarray]
) -> None:
    def packets() -> list[Packet]:
        return [make_packet(image_bgr, seq=seq) for seq, image_bgr in enumerate(images_bgr)]

    options = {"interval": interval, "precision": "float32"}
    together = make_stage_on(WITH_BATCHES, **options).process_batch(packets())
    stage = make_stage_on("cpu", **options)
    for one, other in zip(together, packets(), strict=True):
        known = stage.process(other)
        assert one.meta.get("is_predicted") == known.meta.get("is_predicted")
        for person, known_person in zip(one.meta["people"], known.meta["people"], strict=True):
            assert person["box"] == pytest.approx(known_person["box"], abs=0.11)


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("openvino:GPU.7", "device 'openvino:GPU.7' is not available, OpenVINO has CPU"),
        ("cuda:9", "device 'cuda:9' is not available"),
    ],
)
def test_a_device_that_is_not_there_is_one_sentence(device: str, said: str) -> None:
    with pytest.raises(StageError, match=said):
        make_stage_on(device)
