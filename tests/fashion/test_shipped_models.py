"""The models that lie in models/ are whole, and fit to what lies beside them."""

import json
from pathlib import Path

import onnx
import pytest

from fashion_pipeline.fashion.model_file import DIGEST_KEY, file_digest, read_info
from fashion_pipeline.training.recipes import SHIPPED, recipe_for

MODELS = sorted((Path(__file__).parents[2] / "models").glob("v[1-4]*.safetensors"))
LARGEST_BYTES = 5_000_000


def test_the_shipped_models_are_there_by_their_whole_recipe():
    assert {path.stem for path in MODELS} == set(SHIPPED)
    for path in MODELS:
        recipe = read_info(path).recipe
        assert (recipe["name"], recipe["epochs"]) == ("modern", recipe_for(path.stem, "modern").epochs)


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
