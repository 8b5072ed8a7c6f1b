"""From what a user writes as `model` to a file."""

from pathlib import Path

import pytest

from fashion_pipeline.fashion.model_file import ModelFileError
from fashion_pipeline.fashion.model_lookup import MODELS_FOLDER, find_model, find_street_model


@pytest.mark.parametrize("name", ["v2_da", "models/v2_da", "models/v2_da.safetensors", "models/v2_da.onnx"])
def test_a_model_is_named_or_is_a_path_to_one_of_its_files(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(MODELS_FOLDER.parent)
    assert find_model(name).resolve() == MODELS_FOLDER / "v2_da.safetensors"


@pytest.mark.parametrize("name", ["street", "models/street.json", "models/street.onnx"])
def test_so_is_a_street_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MODELS_FOLDER.parent)
    found = find_street_model(name)
    assert found is not None
    assert found.resolve() == MODELS_FOLDER / "street.json"


@pytest.mark.parametrize("name", ["models/v4.seed1", "models/v4.pt", "v9", ""])
def test_no_other_model_is_taken_for_the_one_that_is_not_there(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(MODELS_FOLDER.parent)
    with pytest.raises(ModelFileError, match=r"known are|did you mean"):
        find_model(name)


def test_a_file_that_is_no_model_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(b"")
    with pytest.raises(ModelFileError, match=r"other\.onnx' is no model of this project"):
        find_model(str(tmp_path / "other.onnx"))
