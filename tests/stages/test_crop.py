"""Crop: what is cut, and what is dropped."""

from pathlib import Path

import numpy as np
import pytest

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.model_file import ModelInfo, save_model
from fashion_pipeline.fashion.networks import build_network
from fashion_pipeline.fashion.preprocessing import InputSpec, cut_to_input
from fashion_pipeline.stages.crop import Crop
from framegraph.errors import GraphError
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context

SPEC = InputSpec(color="grey", size_wh=(28, 28), fit="letterbox", mean=(0.3,), std=(0.4,))


def write_model(path: Path, spec: InputSpec = SPEC) -> Path:
    """A model file of the smallest network, untrained."""
    info = ModelInfo(
        name=path.stem,
        network="v1",
        labels=LABELS,
        input=spec,
        accuracy=0.1,
        temperature=1.0,
        recipe={},
        data_digest="",
        created_by={},
    )
    save_model(path, build_network("v1").state_dict(), info)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "small.safetensors")


def make_crop(model: Path) -> Crop:
    options = read_options(Crop.Options, {"model": str(model)})
    Crop.check(options)
    crop = Crop(options, Context(name="crop"))
    crop.open()
    return crop


def packet_with(*boxes: list[float]) -> Packet:
    packet = Packet(source="camera", seq=3)
    packet.image_bgr = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    packet.meta["people"] = [{"box": box, "score": 0.9} for box in boxes]
    return packet


def test_nobody_stays_nobody(model: Path) -> None:
    packet = make_crop(model).process(Packet(source="camera", seq=0, meta={"people": []}))
    assert packet.meta["people"] == []
    assert packet.meta["dropped_boxes"] == 0


def test_each_person_gets_the_crop_that_the_model_asks_for(model: Path) -> None:
    packet = packet_with([10.4, 5.0, 40.0, 55.5], [0.0, 0.0, 8.0, 8.0])
    image_bgr = packet.image_bgr.copy()
    people = make_crop(model).process(packet).meta["people"]
    assert [person["box"] for person in people] == [[10.4, 5.0, 40.0, 55.5], [0.0, 0.0, 8.0, 8.0]]
    for person in people:
        crop = person["crops"]["whole"]
        assert (crop.shape, crop.dtype) == ((28, 28), np.uint8)
        np.testing.assert_array_equal(crop, cut_to_input(image_bgr, person["box"], SPEC))
    np.testing.assert_array_equal(packet.image_bgr, image_bgr)


def test_a_box_is_cut_at_the_edge_and_an_empty_one_is_dropped_and_counted(model: Path) -> None:
    over_the_edge, outside, flat = (
        [-20.0, -5.0, 20.0, 90.0],
        [90.0, 10.0, 120.0, 50.0],
        [30.0, 30.0, 30.0, 50.0],
    )
    packet = make_crop(model).process(packet_with(outside, over_the_edge, flat))
    assert [person["box"] for person in packet.meta["people"]] == [over_the_edge]
    assert packet.meta["dropped_boxes"] == 2
    edge = cut_to_input(packet.image_bgr, [0, 0, 20, 60], SPEC)
    np.testing.assert_array_equal(packet.meta["people"][0]["crops"]["whole"], edge)


def test_a_missing_or_damaged_model_is_refused(model: Path, tmp_path: Path) -> None:
    cut_off = tmp_path / "cut.safetensors"
    cut_off.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(GraphError, match=r"cut\.safetensors: not a safetensors file, or damaged"):
        make_crop(cut_off)
    with pytest.raises(GraphError, match=r"there is no model 'v2_ad' in .*models"):
        make_crop(Path("v2_ad"))


def test_a_model_for_a_part_of_a_person_is_refused(tmp_path: Path) -> None:
    spec = InputSpec(color="grey", size_wh=(28, 28), fit="stretch", mean=(0,), std=(1,), region="upper")
    with pytest.raises(GraphError, match="wants the region 'upper' of a person; crop can cut whole"):
        make_crop(write_model(tmp_path / "upper.safetensors", spec))
