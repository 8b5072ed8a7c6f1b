"""Classify on small models that the tests make."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion_pipeline.fashion.findings import people_in
from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.model_file import ModelInfo, export_onnx, file_digest, load_network, save_model
from fashion_pipeline.fashion.networks import build_network
from fashion_pipeline.fashion.preprocessing import InputSpec, to_batch
from fashion_pipeline.stages.classify import ENGINES, Classify
from framegraph.errors import GraphError, StageError
from framegraph.packet import Packet
from framegraph.properties import read_options
from framegraph.stage import Context

SPEC = InputSpec(color="grey", size_wh=(28, 28), fit="stretch", mean=(0.3,), std=(0.4,))
TEMPERATURE = 0.5


def write_model(path: Path, seed: int, labels: tuple[str, ...] = LABELS) -> Path:
    """An untrained network with its export."""
    import torch

    torch.manual_seed(seed)
    info = ModelInfo(
        name=path.stem,
        network="v1",
        labels=labels,
        input=SPEC,
        accuracy=0.1,
        temperature=TEMPERATURE,
        recipe={},
        data_digest="",
        created_by={},
    )
    save_model(path, build_network("v1").state_dict(), info)
    export_onnx(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "small.safetensors", seed=0)


def copy_of(model: Path, folder: Path) -> Path:
    for path in (model, model.with_suffix(".onnx")):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / model.name


def make_classify(model: object, **properties: object) -> Classify:
    options = read_options(Classify.Options, {"model": str(model), **properties})
    Classify.check(options)
    classify = Classify(options, Context(name="classify"))
    classify.open()
    return classify


def packet_with(people: int, seed: int = 0, shape: tuple[int, ...] = (28, 28)) -> Packet:
    random = np.random.default_rng(seed)
    packet = Packet(source="camera", seq=seed, size_wh=(640, 480))
    for number in range(people):
        crop = random.integers(0, 255, shape, dtype=np.uint8)
        people_in(packet.meta).append(
            {"box": [number, 0.0, number + 5.0, 9.0], "score": 0.9, "crops": {"whole": crop}}
        )
    return packet


def garments(packets: list[Packet]) -> list[list[dict[str, Any]]]:
    return [[person["garments"] for person in people_in(packet.meta)] for packet in packets]


def test_nobody_stays_nobody_and_the_model_is_named(model: Path) -> None:
    packet = make_classify(model).process(packet_with(0))
    assert people_in(packet.meta) == []
    assert packet.meta["model"] == {"classify": f"sha256:{file_digest(model)}"}


@pytest.mark.parametrize("engine", ENGINES)
def test_each_person_gets_the_label_of_the_network_and_an_honest_score(model: Path, engine: str) -> None:
    import torch

    packet = packet_with(5)
    crops = [person["crops"]["whole"] for person in people_in(packet.meta)]
    with torch.inference_mode():
        logits = load_network(model)(torch.from_numpy(to_batch(crops, SPEC)))
        likely = torch.softmax(logits / TEMPERATURE, dim=1)
    people = make_classify(model, engine=engine).process(packet).meta["people"]
    for person, row in zip(people, likely, strict=True):
        assert set(person) == {"box", "score", "garments", "unsure"}
        (garment,) = person["garments"]
        assert garment["label"] == LABELS[int(row.argmax())]
        assert garment["score"] == pytest.approx(float(row.max()), abs=1e-3)
        assert type(garment["score"]) is float
        assert (garment["region"], garment["box"]) == ("whole", person["box"])


def test_a_batch_gives_what_its_packets_give_one_by_one(model: Path) -> None:
    classify = make_classify(model)
    counts = [3, 0, 1, 7]
    alone = garments([classify.process(packet_with(count, seed)) for seed, count in enumerate(counts)])
    together = classify.process_batch([packet_with(count, seed) for seed, count in enumerate(counts)])
    assert [packet.seq for packet in together] == [0, 1, 2, 3]
    for one, other in zip(alone, garments(together), strict=True):
        assert [g["label"] for (g,) in one] == [g["label"] for (g,) in other]
        assert [g["score"] for (g,) in one] == pytest.approx([g["score"] for (g,) in other], abs=1e-3)


def test_all_persons_of_a_batch_go_through_in_one_pass(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classify = make_classify(model)
    sizes = []
    run = classify._classifier._engine.run
    monkeypatch.setattr(
        classify._classifier._engine, "run", lambda inputs: sizes.append(len(inputs["images"])) or run(inputs)
    )
    classify.process_batch([packet_with(count, count) for count in (3, 0, 4)])
    classify.process_batch([packet_with(0)])
    assert sizes == [7]


def test_crops_for_another_model_are_refused_with_the_remedy(model: Path) -> None:
    classify = make_classify(model)
    with pytest.raises(
        StageError, match=r"takes a crop of the 'whole' person of \(28, 28\), but .* \(32, 32, 3\)"
    ):
        classify.process(packet_with(1, shape=(32, 32, 3)))
    with pytest.raises(StageError, match="none of it; give crop and classify the same 'model'"):
        classify.process(Packet(source="camera", seq=0, meta={"people": [{"box": [0, 0, 1, 1]}]}))


def test_a_model_that_cannot_be_used_is_refused_before_anything_starts(model: Path, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="there is no model 'v9'"):
        make_classify("v9")
    copy = copy_of(model, tmp_path)
    copy.with_suffix(".onnx").write_bytes(copy.with_suffix(".onnx").read_bytes()[:-2000])
    with pytest.raises(GraphError, match=r"small\.onnx: is cut off, or not made from small\.safetensors"):
        make_classify(copy)
    make_classify(copy, engine="torch")
    copy.with_suffix(".onnx").unlink()
    with pytest.raises(GraphError, match=r"small\.onnx: missing; export small\.safetensors again"):
        make_classify(copy)
    copy.write_bytes(copy.read_bytes()[:-100])
    with pytest.raises(GraphError, match=r"small\.safetensors: not a safetensors file, or damaged"):
        make_classify(copy)


def test_an_export_of_other_weights_is_refused(model: Path, tmp_path: Path) -> None:
    other = write_model(tmp_path / "small.safetensors", seed=1)
    other.with_suffix(".onnx").write_bytes(model.with_suffix(".onnx").read_bytes())
    with pytest.raises(GraphError, match="not made from small"):
        make_classify(other)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_damaged_export_is_one_sentence(model: Path, tmp_path: Path, engine: str) -> None:
    copy = copy_of(model, tmp_path)
    data = bytearray(copy.with_suffix(".onnx").read_bytes())
    data[10:2000] = bytes(1990)
    copy.with_suffix(".onnx").write_bytes(data)
    with pytest.raises(StageError, match=r"small\.onnx: .* cannot load it"):
        make_classify(copy, engine=engine)


def test_labels_that_are_none_are_refused(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(model.read_bytes().replace(b"Sneaker", b"Trouser"))
    with pytest.raises(GraphError, match=r"other\.safetensors: labels must differ, 'Trouser' is there twice"):
        make_classify(path)
