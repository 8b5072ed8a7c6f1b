"""A run that was stopped ends in the weights of one that was not."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from fashion_pipeline.training.runs import save_checkpoint
from fashion_pipeline.training.street import fit as module
from fashion_pipeline.training.street.fit import StreetRecipe, StreetRun, fit
from fashion_pipeline.training.street.network import Street


@pytest.fixture(autouse=True, scope="module")
def untrained() -> Iterator[None]:
    """Weights that nobody has trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "find_weights", lambda: None)
        patch.setattr(module, "load_weights", lambda backbone, path: None)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StreetRun:
    """Four people and four garments, two batches an epoch."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    for name in ("people", "garments"):
        torch.save(torch.rand(10, 4, 28, 10, 80).bfloat16(), folder / f"{name}.pt")
    return StreetRun(
        name="test",
        people_path=folder / "people.pt",
        garments_path=folder / "garments.pt",
        answers=(np.arange(4 * 12).reshape(4, 12) % 3 == 0).astype(np.float32),
        folders=np.arange(4),
        chosen=np.arange(4),
        recipe=StreetRecipe(epochs=2, people=2, garments=1),
        checkpoint=folder / "run.pt",
    )


@pytest.fixture(scope="module")
def whole(run: StreetRun) -> Street:
    """What comes of a run from its start to its end."""
    return fit(run)


@pytest.mark.slow
def test_a_stopped_run_ends_as_one_that_was_not(run, whole, monkeypatch, tmp_path):
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
    assert all(torch.equal(resumed[name], value) for name, value in whole.state_dict().items())


def test_the_frozen_part_stays_as_it_is(run, whole):
    torch.manual_seed(run.recipe.seed)
    fresh = Street(tags=2)
    for name, value in fresh.backbone.stem.state_dict().items():
        assert torch.equal(whole.backbone.stem.state_dict()[name], value)
    assert not torch.equal(whole.folder.weight, fresh.folder.weight)
