import dataclasses
import json
import struct

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.model_file import (
    DIGEST_KEY,
    ModelFileError,
    ModelInfo,
    export_onnx,
    file_digest,
    load_network,
    read_info,
    save_model,
)
from fashion_pipeline.fashion.networks import NETWORKS, build_network
from fashion_pipeline.fashion.preprocessing import InputSpec

INFO = ModelInfo(
    name="v1_da",
    network="v1",
    labels=LABELS,
    input=InputSpec(color="grey", size_wh=(28, 28), fit="letterbox", mean=(0.286,), std=(0.353,)),
    accuracy=0.9,
    temperature=0.75,
    recipe={"name": "modern", "epochs": 1},
    data_digest="0" * 64,
    created_by={"torch": torch.__version__},
)


@pytest.fixture
def model_path(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "v1_da.safetensors"
    save_model(path, build_network("v1").state_dict(), INFO)
    return path


def write_metadata(path, **changes):
    """A model file with other metadata; None takes a key out."""
    metadata = {**INFO.to_metadata(), **changes}
    path.write_bytes(
        save({"w": torch.zeros(2)}, {key: value for key, value in metadata.items() if value is not None})
    )
    return path


def test_what_is_saved_is_read_again(model_path):
    assert read_info(model_path) == INFO
    torch.manual_seed(0)
    expected = build_network("v1").state_dict()
    loaded = load_network(model_path)
    assert not loaded.training
    assert all(torch.equal(loaded.state_dict()[name], weight) for name, weight in expected.items())


def test_the_same_model_is_the_same_file(model_path, tmp_path):
    weights, info = load_network(model_path).state_dict(), read_info(model_path)
    for attempt in range(8):
        save_model(tmp_path / f"{attempt}.safetensors", weights, info)
    assert {file_digest(path) for path in tmp_path.glob("?.safetensors")} == {file_digest(model_path)}


def test_saving_leaves_no_part_behind(model_path):
    assert [path.name for path in model_path.parent.iterdir()] == [model_path.name]


def test_a_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(ModelFileError, match=r"none\.safetensors: no such model file; train it"):
        read_info(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a safetensors file, or damaged"),
        (b"\x89PNG\r\n\x1a\n" * 9, "not a safetensors file, or damaged"),
        (struct.pack("<Q", 1 << 62) + b"{}", "not a safetensors file, or damaged"),
        (struct.pack("<Q", 4) + b"{{{{", "not a safetensors file, or damaged"),
        (struct.pack("<Q", 2) + b"\xff\xff", "not a safetensors file, or damaged"),
        (struct.pack("<Q", 2) + b"[]", "not a safetensors file, or damaged"),
        (struct.pack("<Q", 2) + b"{}", "has no metadata"),
        (struct.pack("<Q", 2) + b"{}" + b"more", "not a safetensors file, or damaged"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, content, message):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=message):
        read_info(path)


@pytest.mark.parametrize(
    "entry",
    [
        [],
        {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
    ],
)
def test_a_header_that_contradicts_itself_is_refused(tmp_path, entry):
    header = json.dumps({"w": entry}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    with pytest.raises(ModelFileError, match="not a safetensors file, or damaged"):
        read_info(path)


def test_a_file_cut_at_any_place_is_refused(model_path, tmp_path):
    whole = model_path.read_bytes()
    for length in (0, 7, 8, 200, len(whole) // 2, len(whole) - 1):
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            read_info(cut)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_our_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError):
        read_info(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": json.dumps(["cat"])}, "labels must be 2 to 1000, got 1"),
        ({"labels": json.dumps(["cat", "dog", "cat"])}, "labels must differ, 'cat' is there twice"),
        ({"labels": json.dumps(["cat", " "])}, "labels must be words, got ' '"),
        ({"labels": json.dumps(["cat", "d\x1bg"])}, "labels must be words"),
        ({"labels": json.dumps(["cat", "d" * 101])}, "a label may have 100 letters"),
        ({"labels": json.dumps([1])}, "'labels' must hold words only"),
        ({"network": "v9"}, "unknown network 'v9'; known are v1, v2"),
        (
            {"input": json.dumps(dict(INFO.input.to_plain(), size_wh=[32, 32]))},
            "input is grey 32x32, but network v1",
        ),
        (
            {"input": json.dumps(dict(INFO.input.to_plain(), std=[0]))},
            "metadata 'input': std must be above 0",
        ),
        ({"input": "{"}, "metadata 'input' is not JSON"),
        ({"accuracy": "93"}, "accuracy must be from 0 to 1, got 93"),
        ({"accuracy": "NaN"}, "accuracy must be from 0 to 1"),
        ({"accuracy": "9" * 401}, "metadata 'accuracy' or 'temperature' is too large"),
        ({"temperature": "0"}, "temperature must be above 0"),
        ({"temperature": "true"}, "metadata 'temperature' must be"),
        ({"version": "2"}, "metadata version is '2', this program reads '1'"),
        ({"recipe": "[]"}, "metadata 'recipe' must be dict"),
        ({"recipe": None}, "metadata has no 'recipe'"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(tmp_path, changes, message):
    path = write_metadata(tmp_path / "x.safetensors", **changes)
    with pytest.raises(ModelFileError, match=message):
        read_info(path)


def test_weights_of_another_network_are_refused(model_path):
    save_model(model_path, build_network("v2").state_dict(), INFO)
    with pytest.raises(ModelFileError, match="the weights are not those of its network"):
        load_network(model_path)


def test_saving_what_does_not_fit_writes_nothing(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(ModelFileError, match="labels must be 2 to 1000"):
        save_model(path, build_network("v1").state_dict(), dataclasses.replace(INFO, labels=("cat",)))
    assert not path.exists()


@pytest.mark.parametrize(
    "name", [name for name in NETWORKS if name != "v3"]
)  # v3 is large, and made of the same parts
def test_the_export_gives_the_same_logits(tmp_path, name):
    torch.manual_seed(0)
    network = build_network(name)
    network(torch.rand(64, 1, 28, 28))  # batch norm's running statistics leave their starting values
    path = tmp_path / f"{name}.safetensors"
    save_model(path, network.state_dict(), dataclasses.replace(INFO, network=name))
    target = export_onnx(path)
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    for count in (1, 5):
        images = torch.rand(count, 1, 28, 28)
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        np.testing.assert_allclose(logits, load_network(path)(images).detach().numpy(), atol=1e-4)
    properties = {entry.key: entry.value for entry in onnx.load(target).metadata_props}
    assert properties[DIGEST_KEY] == file_digest(path)
    assert json.loads(properties["labels"]) == list(LABELS)


def test_exporting_an_export_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match="is an ONNX file already"):
        export_onnx(tmp_path / "v1.onnx")
