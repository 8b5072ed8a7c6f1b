"""A run that was stopped ends in the weights of one that was not."""

import dataclasses

import numpy as np
import pytest
import torch

from fashion_pipeline.training.runs import save_checkpoint
from fashion_pipeline.training.street import fit as module
from fashion_pipeline.training.street.fit import StreetRecipe, StreetRun, fit
from fashion_pipeline.training.street.network import Street


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Four people and four garments, two batches an epoch, and weights that nobody has trained."""
    monkeypatch.setattr(module, "find_weights", lambda: None)
    monkeypatch.setattr(module, "load_weights", lambda backbone, path: None)
    torch.manual_seed(0)
    for name in ("people", "garments"):
        torch.save(torch.rand(10, 4, 28, 10, 80).bfloat16(), tmp_path / f"{name}.pt")
    return StreetRun(
        name="test",
        people_path=tmp_path / "people.pt",
        garments_path=tmp_path / "garments.pt",
        answers=(np.arange(4 * 12).reshape(4, 12) % 3 == 0).astype(np.float32),
        folders=np.arange(4),
        chosen=np.arange(4),
        recipe=StreetRecipe(epochs=2, people=2, garments=1),
        checkpoint=tmp_path / "run.pt",
    )


def test_a_stopped_run_ends_as_one_that_was_not(run, monkeypatch, tmp_path):
    whole = fit(run).state_dict()
    stopped = dataclasses.replace(run, checkpoint=tmp_path / "stopped.pt")
    saved = []

    def save_once(path, state):
        saved.append(path)
        save_checkpoint(path, state)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "save_checkpoint", save_once)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped)
    monkeypatch.setattr(module, "save_checkpoint", save_checkpoint)

    resumed = fit(stopped).state_dict()

    assert len(saved) == 1
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def test_the_frozen_part_stays_as_it_is(run):
    network = fit(run)

    torch.manual_seed(run.recipe.seed)
    fresh = Street(tags=2)
    for name, value in fresh.backbone.stem.state_dict().items():
        assert torch.equal(network.backbone.stem.state_dict()[name], value)
    assert not torch.equal(network.folder.weight, fresh.folder.weight)
