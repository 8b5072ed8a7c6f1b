import dataclasses

import torch

from fashion_pipeline.training.checkpoint import checkpoint_path
from fashion_pipeline.training.estimate import estimate_s
from fashion_pipeline.training.groups import Group
from fashion_pipeline.training.job import Job
from fashion_pipeline.training.loop import train
from fashion_pipeline.training.recipes import recipe_for

ALONE = Group(rank=0, size=1)
CPU = torch.device("cpu")


def job(epochs: int) -> Job:
    recipe = dataclasses.replace(recipe_for("v1", "modern"), epochs=epochs)
    return Job(model="v1", recipe=recipe, seed=0, precision="float32")


def test_the_estimate_grows_with_the_epochs(data):
    assert 0 < estimate_s(job(4), data, ALONE, CPU) < estimate_s(job(400), data, ALONE, CPU)


def test_the_estimate_is_of_what_is_left(data):
    done = job(1)
    train(done, data, ALONE)
    assert estimate_s(done, data, ALONE, CPU) == 0


def test_an_estimate_leaves_the_run_as_it_is(data):
    alone = train(job(1), data, ALONE).network.state_dict()
    checkpoint_path(job(1).identity(data, ALONE)).unlink()
    estimate_s(job(1), data, ALONE, CPU)
    after = train(job(1), data, ALONE).network.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in alone.items())
