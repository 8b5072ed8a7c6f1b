"""How long a run will take."""

import time
from dataclasses import replace

import torch

from fashion_pipeline.training.batches import Batches
from fashion_pipeline.training.checkpoint import checkpoint_path, load_checkpoint
from fashion_pipeline.training.data import DataSet
from fashion_pipeline.training.groups import Group
from fashion_pipeline.training.job import Job
from fashion_pipeline.training.loop import Run
from fashion_pipeline.training.teacher import Teacher

TIMED_STEPS = 10


def estimate_s(
    job: Job, data: DataSet, group: Group, device: torch.device, teacher: Teacher | None = None
) -> float:
    """About how many seconds are left of a run, by timing a few of its steps on a network that is then
    forgotten.

    All processes of the group must call it, because they are as much in each other's way as in the run. The
    looks at held-out pictures are not in it, nor those of a teacher that is not made yet. Raises as
    `training.loop.train` does.
    """
    batch = job.recipe.batch
    few = (1 + TIMED_STEPS) * batch
    sample = replace(data, train_images=data.train_images[:few], train_labels=data.train_labels[:few])
    # Compiling takes longer than these steps, and the run would do it again.
    plain = replace(job, compiled=False)
    run = Run.prepare(plain, sample, Batches(sample, job.recipe, group, device, teacher), group)
    run.stepper.train()
    marks = []
    for number, (images, _, targets) in enumerate(run.batches.shuffled(torch.Generator(), 0)):
        loss, _ = run.step(images, targets, number)
        loss.item()  # waits for the device
        marks.append(time.perf_counter())
    # The first step also makes ready what the others find ready.
    step_s = (marks[-1] - marks[0]) / max(1, len(marks) - 1)
    saved = load_checkpoint(checkpoint_path(job.identity(data, group)))
    epochs_done = 0 if saved is None else len(saved["history"])
    return (job.recipe.epochs - epochs_done) * (len(data.train_labels) // batch) * step_s
