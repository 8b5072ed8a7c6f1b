"""The models that lie in models/ are whole, and fit to what lies beside them."""

import json
from pathlib import Path

import onnx
import pytest

from fashion.model_file import DIGEST_KEY, file_digest, read_info

MODELS = sorted((Path(__file__).parents[2] / "models").glob("v[1-4]*.safetensors"))
LARGEST_BYTES = 5_000_000


def test_there_is_a_default_model():
    assert "v2_da" in {path.stem for path in MODELS}


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_fits_its_name_its_record_and_its_export(path):
    info = read_info(path)
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    properties = {entry.key: entry.value for entry in onnx.load(path.with_suffix(".onnx")).metadata_props}
    assert path.stem == info.name == record["model"] == properties["name"]
    assert info.accuracy == record["accuracy"]
    assert record["measured_on"] == "test pictures"
    assert properties[DIGEST_KEY] == file_digest(path)
    assert path.stat().st_size < LARGEST_BYTES
