"""Only a whole run by the shipped recipe that is no worse takes the place of a shipped model."""

import dataclasses
import json

import numpy as np
import pytest

from fashion_pipeline.fashion.model_lookup import find_model
from fashion_pipeline.training import results as results_module
from fashion_pipeline.training.data import DataSet
from fashion_pipeline.training.recipes import recipe_for
from fashion_pipeline.training.results import how_to_ship, place_of, why_not_whole
from fashion_pipeline.training.runs import Job
from fashion_pipeline.training.train import main


def job(model="v1", recipe="modern", **changes):
    found = dataclasses.replace(recipe_for(model, recipe), **changes)
    return Job(model=model, recipe=found, seed=0, precision="float32")


@pytest.fixture
def whole(data: DataSet) -> DataSet:
    """As many pictures as Fashion-MNIST has; what they show does not matter here."""
    labels = np.zeros(60_000, np.int64)
    return dataclasses.replace(data, train_labels=labels, test_labels=labels[:10_000])


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A project of its own, with a shipped v1 of 93 % whose two seeds lie 0.5 points apart."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "v1.json").write_text(json.dumps({"accuracy": 0.93}))
    results = tmp_path / "training" / "results"
    results.mkdir(parents=True)
    for seed, accuracy in enumerate((0.93, 0.935)):
        record = {"model": "v1", "measured_on": "test pictures", "accuracy": accuracy}
        record["recipe"] = {"name": "modern", "epochs": 30}
        (results / f"v1-{seed}.json").write_text(json.dumps(record))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(results_module, "MODELS_FOLDER", folder)
    return folder


def test_a_short_run_leaves_the_shipped_model_alone_and_says_how_to_use_its_own(models, capsys):
    results = models.parent / "results"
    assert main(["--model", "v1", "--epochs", "1", "--precision", "float32", "--results", str(results)]) == 0
    assert [path.name for path in models.iterdir()] == ["v1.json"]
    said = capsys.readouterr().out
    assert "v1 goes to out/models/, not to models/: it ran 1 epochs, the shipped recipe has 30" in said
    assert "to use it: --set classify.model=out/models/v1.safetensors; to ship it all the same: cp" in said
    assert find_model("out/models/v1.safetensors").is_file()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (job(epochs=2), "it ran 2 epochs, the shipped recipe has 30"),
        (job(recipe="classic"), "its recipe is classic, the shipped one modern"),
        (job(dropout=0.1), "its recipe is not the shipped one"),
        (job("v3_da"), "v3_da is not among the shipped models"),
        (job(), ""),
    ],
)
def test_only_the_shipped_recipe_whole_is_shipped(given, reason, whole):
    assert why_not_whole(given, whole).startswith(reason)
    assert bool(why_not_whole(given, whole)) is bool(reason)


def test_a_part_of_the_data_is_not_the_whole_run(data):
    assert why_not_whole(job(), data) == "it saw 1,000 + 500 pictures, not all of Fashion-MNIST"


@pytest.mark.parametrize(("accuracy", "is_shipped"), [(0.94, True), (0.9251, True), (0.9249, False)])
def test_a_whole_run_is_shipped_unless_it_is_worse_beyond_its_seeds(models, whole, accuracy, is_shipped):
    results = models.parent / "training" / "results"
    folder, reason = place_of(job(), whole, accuracy, models, results)
    assert (folder == models) is is_shipped
    assert is_shipped or reason.endswith("below the shipped model's 93.00%, whose seeds lie 0.50% apart")


def test_a_model_that_was_run_once_has_the_spread_of_the_others(models, whole):
    (models / "v4.json").write_text(json.dumps({"accuracy": 0.95}))
    results = models.parent / "training" / "results"
    assert place_of(job("v4"), whole, 0.9451, models, results)[1] == ""
    assert place_of(job("v4"), whole, 0.9449, models, results)[1] != ""


def test_another_folder_takes_every_model(models, data, tmp_path):
    assert place_of(job(epochs=1), data, 0.1, tmp_path / "mine", tmp_path) == (tmp_path / "mine", "")


def test_a_model_without_weights_of_its_own_is_named_by_its_export(tmp_path):
    (tmp_path / "street.onnx").write_text("")
    assert f"classify.model={tmp_path / 'street.onnx'};" in how_to_ship(tmp_path / "street", "worse")
