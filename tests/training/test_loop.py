import dataclasses
import resource

import numpy as np
import pytest
import torch
from torch import nn

from fashion_pipeline.training import loop
from fashion_pipeline.training.batches import Batches, Teacher
from fashion_pipeline.training.data import DataError, DataSet
from fashion_pipeline.training.devices import Group, quick_precision
from fashion_pipeline.training.loop import estimate_s, set_initial_weights, train
from fashion_pipeline.training.recipes import recipe_for
from fashion_pipeline.training.runs import (
    CheckpointError,
    Job,
    checkpoint_path,
    load_checkpoint,
    save_checkpoint,
)

ALONE = Group(rank=0, size=1)
# It thinks nothing: logits of 0.
EVEN = Teacher(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), mean=0.0, std=1.0, precision="float32")
for weight in EVEN.network.parameters():
    nn.init.zeros_(weight)


class StoppedError(Exception):
    """Stands for a user's Ctrl-C, or a kill."""


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
@pytest.mark.parametrize("model", ["v1", "v2_da", pytest.param("v3_da_2", marks=pytest.mark.slow), "v4"])
def test_each_network_trains_an_epoch_by_each_recipe(data, model, recipe):
    chosen = job(model, recipe)
    teacher = EVEN if chosen.recipe.teacher else None
    outcome = train(chosen, first(data, chosen.recipe.batch), ALONE, teacher=teacher)
    (report,) = outcome.history
    assert np.isfinite(report.loss)
    assert not outcome.network.training
    assert all(torch.isfinite(weight).all() for weight in weights_of(outcome).values())


@pytest.mark.parametrize("recipe", ["classic", pytest.param("modern", marks=pytest.mark.slow)])
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


def whole_at_last():
    """A run with less dropout, whose last quarter leaves the pictures whole."""
    chosen = job("v4", epochs=4)
    recipe = dataclasses.replace(chosen.recipe, whole_from=0.75, dropout=0.2)
    return dataclasses.replace(chosen, recipe=recipe)


@pytest.mark.parametrize(
    "chosen",
    [job("v2_da", "classic", epochs=4), job("v2_da", epochs=4), whole_at_last()],
    ids=lambda job: job.model,
)
@pytest.mark.parametrize(
    ("stop_at", "left"),
    [(14, [3, 4]), (17, [3, 4]), (24, [4])],
    ids=["after an epoch", "inside an epoch", "inside the last"],
)
def test_a_stopped_run_goes_on_to_the_same_bits(data, monkeypatch, chosen, stop_at, left):
    monkeypatch.setattr(loop, "build_network", with_dropout)
    whole = train(chosen, data, ALONE)
    checkpoint_path(chosen.identity(data, ALONE)).unlink()

    def stop(step, steps):
        assert steps == 28
        if step == stop_at + 1:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(chosen, data, ALONE, on_step=stop)
    seen = []
    torch.rand(7)  # what else the process drew does not matter
    resumed = train(chosen, data, ALONE, on_epoch=lambda report: seen.append(report.epoch))
    assert seen == left
    assert [report.epoch for report in resumed.history] == [1, 2, 3, 4]
    assert_same_bits(weights_of(resumed), weights_of(whole))


def test_a_run_tells_its_pictures_how_far_it_is(data, monkeypatch):
    monkeypatch.setattr(loop, "build_network", with_dropout)
    told = []
    real = Batches.shuffled

    def spy(self, generator, epoch):
        told.append(epoch)
        return real(self, generator, epoch)

    monkeypatch.setattr(Batches, "shuffled", spy)
    train(job("v4", epochs=4), first(data, 256), ALONE)
    assert told == [0, 1, 2, 3]


def test_a_recipe_says_how_much_a_network_drops(data, monkeypatch):
    dropped = []

    def spied(name):
        network = with_dropout(name)
        (dropout,) = (layer for layer in network if isinstance(layer, nn.Dropout))
        dropout.register_forward_hook(lambda layer, given, result: dropped.append((layer.training, layer.p)))
        return network

    monkeypatch.setattr(loop, "build_network", spied)
    train(whole_at_last(), first(data, 128), ALONE)
    assert dropped == [(True, 0.2)] * 4


def test_a_field_that_a_recipe_gets_later_leaves_its_checkpoints_where_they_are(data):
    identity = job("v1_da", "classic").identity(data, ALONE)
    plain = identity["recipe"]
    assert "whole_from" not in plain
    assert "taught_by" not in identity
    assert plain["flips"] is True
    assert whole_at_last().identity(data, ALONE)["recipe"]["whole_from"] == 0.75


def test_the_seed_decides_and_nothing_else(data):
    def run(seed):
        chosen = dataclasses.replace(job("v1"), seed=seed)
        outcome = train(chosen, first(data, 256), ALONE)
        checkpoint_path(chosen.identity(data, ALONE)).unlink()
        return weights_of(outcome)

    assert_same_bits(run(1), run(1))
    assert not torch.equal(run(1)["0.weight"], run(2)["0.weight"])


def test_the_cpu_seconds_of_an_epoch_are_those_of_all_processes(data):
    class WithABusyOther(Group):
        def summed(self, values):
            return values + 1000

    (report,) = train(job("v1"), first(data, 256), WithABusyOther(rank=0, size=1)).history
    assert report.cpu_seconds > 1000


def test_a_run_with_another_setting_has_another_checkpoint(data):
    paths = {
        checkpoint_path(chosen.identity(data, ALONE))
        for chosen in (
            job("v1"),
            job("v1", epochs=2),
            job("v1", "classic"),
            job("v1_da"),
            job("v1", held_out=9),
            job("v1", taught_by="ab" * 32),
        )
    }
    assert len(paths) == 6


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
    held_out = train(job("v1", held_out=500), first(data, 256), ALONE).history[0].held_out
    assert held_out is not None
    assert 0 <= held_out <= 1


@pytest.mark.parametrize(("model", "teacher", "given"), [("v3_da_2", None, "none"), ("v1", EVEN, "one")])
def test_a_recipe_that_wants_a_teacher_must_be_given_one_and_no_other(data, model, teacher, given):
    with pytest.raises(ValueError, match=f"was given {given}"):
        train(job(model), first(data, 256), ALONE, teacher=teacher)


def test_fewer_pictures_than_a_batch_are_refused(data):
    with pytest.raises(DataError, match="100 training pictures are fewer than one batch of 128"):
        train(job("v1"), first(data, 100), ALONE)


def test_the_original_initial_weights():
    torch.manual_seed(0)
    convolution, norm = nn.Conv2d(64, 64, 3), nn.BatchNorm2d(64)
    set_initial_weights(nn.Sequential(convolution, norm), "xavier")
    assert float(convolution.weight.detach().std()) == pytest.approx((2 / (64 * 9 * 2)) ** 0.5, rel=0.02)
    assert convolution.bias is not None
    assert float(convolution.bias.detach().std()) == pytest.approx(1, rel=0.3)
    assert float(norm.weight.detach().mean()) == pytest.approx(1, abs=0.01)
    assert float(norm.weight.detach().std()) == pytest.approx(0.02, rel=0.3)


CPU = torch.device("cpu")


def job_of(epochs: int) -> Job:
    recipe = dataclasses.replace(recipe_for("v1", "modern"), epochs=epochs)
    return Job(model="v1", recipe=recipe, seed=0, precision="float32")


def test_the_estimate_grows_with_the_epochs(data):
    assert 0 < estimate_s(job_of(4), data, ALONE, CPU) < estimate_s(job_of(400), data, ALONE, CPU)


def test_the_estimate_is_of_what_is_left(data):
    done = job_of(1)
    train(done, data, ALONE)
    assert estimate_s(done, data, ALONE, CPU) == 0


def test_an_estimate_leaves_the_run_as_it_is(data):
    alone = train(job_of(1), data, ALONE).network.state_dict()
    checkpoint_path(job_of(1).identity(data, ALONE)).unlink()
    estimate_s(job_of(1), data, ALONE, CPU)
    after = train(job_of(1), data, ALONE).network.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in alone.items())
