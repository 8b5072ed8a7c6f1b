import dataclasses
import resource

import numpy as np
import pytest
import torch
from torch import nn

from training import loop
from training.checkpoint import CheckpointError, checkpoint_path, load_checkpoint, save_checkpoint
from training.data import DataError, DataSet
from training.groups import Group
from training.initial import set_initial_weights
from training.loop import Job, train
from training.precision import quick_precision
from training.recipes import recipe_for

ALONE = Group(rank=0, size=1)


class StoppedError(Exception):
    """Stands for a user's Ctrl-C, or a kill, at the end of an epoch."""


def first(data: DataSet, count: int) -> DataSet:
    return dataclasses.replace(
        data, train_images=data.train_images[:count], train_labels=data.train_labels[:count]
    )


def job(model: str, recipe: str = "modern", epochs: int = 1, **settings) -> Job:
    short = dataclasses.replace(recipe_for(model, recipe), epochs=epochs)
    precision = quick_precision(torch.device("cpu"))
    return Job(model=model, recipe=short, seed=5, precision=precision, **settings)


def weights_of(outcome):
    return outcome.network.state_dict()


def assert_same_bits(left, right):
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("recipe", ["classic", "modern"])
@pytest.mark.parametrize("model", ["v1", "v2_da", "v3_da_2", "v4"])
def test_each_network_trains_an_epoch_by_each_recipe(data, model, recipe):
    outcome = train(job(model, recipe), first(data, 256), ALONE)
    (report,) = outcome.history
    assert np.isfinite(report.loss)
    assert not outcome.network.training
    assert all(torch.isfinite(weight).all() for weight in weights_of(outcome).values())


@pytest.mark.parametrize("recipe", ["classic", "modern"])
def test_a_network_learns(data, recipe):
    reports = train(job("v2_da", recipe, epochs=4), data, ALONE).history
    assert reports[-1].loss < reports[0].loss
    assert reports[-1].accuracy > 0.5


def with_dropout(name):
    """A small network with all that has a state or takes random numbers: batch norm and dropout."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, 2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(8 * 144, 10),
    )


@pytest.mark.parametrize("recipe", ["classic", "modern"])
def test_a_stopped_run_goes_on_to_the_same_bits(data, monkeypatch, recipe):
    monkeypatch.setattr(loop, "build_network", with_dropout)
    whole = train(job("v2_da", recipe, epochs=4), data, ALONE)
    path = checkpoint_path(job("v2_da", recipe, epochs=4).identity(data, ALONE))
    path.unlink()

    def stop_after_two(report):
        if report.epoch == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(job("v2_da", recipe, epochs=4), data, ALONE, on_epoch=stop_after_two)
    seen = []
    torch.rand(7)  # what else the process drew does not matter
    resumed = train(
        job("v2_da", recipe, epochs=4), data, ALONE, on_epoch=lambda report: seen.append(report.epoch)
    )
    assert seen == [3, 4]
    assert [report.epoch for report in resumed.history] == [1, 2, 3, 4]
    assert_same_bits(weights_of(resumed), weights_of(whole))


def test_the_seed_decides_and_nothing_else(data):
    def run(seed):
        chosen = dataclasses.replace(job("v1"), seed=seed)
        outcome = train(chosen, first(data, 256), ALONE)
        checkpoint_path(chosen.identity(data, ALONE)).unlink()
        return weights_of(outcome)

    assert_same_bits(run(1), run(1))
    assert not torch.equal(run(1)["0.weight"], run(2)["0.weight"])


def test_a_run_with_another_setting_has_another_checkpoint(data):
    paths = {
        checkpoint_path(chosen.identity(data, ALONE))
        for chosen in (
            job("v1"),
            job("v1", epochs=2),
            job("v1", "classic"),
            job("v1_da"),
            job("v1", held_out=9),
        )
    }
    assert len(paths) == 5


def test_a_disk_without_room_is_one_clear_error_and_leaves_the_old_state(tmp_path):
    path = tmp_path / "run.pt"
    save_checkpoint(path, {"epoch": 3})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(
            CheckpointError, match=r"run\.pt: cannot be written .*; make room there or set CHECK"
        ):
            save_checkpoint(path, {"epoch": 4, "network": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert load_checkpoint(path) == {"epoch": 3}
    assert [left.name for left in tmp_path.iterdir()] == ["run.pt"]


def test_a_damaged_checkpoint_is_one_clear_error(data, tmp_path):
    path = tmp_path / "x.pt"
    assert load_checkpoint(path) is None
    save_checkpoint(path, {"epoch": 3})
    assert load_checkpoint(path) == {"epoch": 3}
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CheckpointError, match=r"x\.pt: cannot be read .*; remove it to start anew"):
        load_checkpoint(path)


def test_held_out_accuracy_is_measured_each_epoch_only_if_asked(data):
    assert train(job("v1"), first(data, 256), ALONE).history[0].held_out is None
    assert 0 <= train(job("v1", held_out=500), first(data, 256), ALONE).history[0].held_out <= 1


def test_fewer_pictures_than_a_batch_are_refused(data):
    with pytest.raises(DataError, match="100 training pictures are fewer than one batch of 128"):
        train(job("v1"), first(data, 100), ALONE)


def test_the_original_initial_weights():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(64, 64, 3), nn.BatchNorm2d(64))
    set_initial_weights(network, "xavier")
    assert float(network[0].weight.detach().std()) == pytest.approx((2 / (64 * 9 * 2)) ** 0.5, rel=0.02)
    assert float(network[0].bias.detach().std()) == pytest.approx(1, rel=0.3)
    assert float(network[1].weight.detach().mean()) == pytest.approx(1, abs=0.01)
    assert float(network[1].weight.detach().std()) == pytest.approx(0.02, rel=0.3)
