"""Ten steps of training on a device: do they learn the same as on the CPU, and how long do they take?"""

import dataclasses
import statistics
import time

import numpy as np

from benchmarks.settings import Result

STEPS, MODEL, QUICK_MODEL = 10, "v4", "v1"
LEAST_SAME = 0.05
"""The most that a loss may be off, of itself: sums are in another order, and in tfloat32."""


def measure(device: str, *, is_quick: bool) -> Result:
    """Return the losses of the device and of the CPU on the same made-up pictures, and ms a step.

    An OpenVINO device trains nothing, and stands back for the CPU. Raises GroupError if torch has no such
    device.
    """
    torch_device, model = device if device.startswith("cuda") else "cpu", QUICK_MODEL if is_quick else MODEL
    losses, ms = _run(torch_device, model)
    known, known_ms = _run("cpu", model)
    apart = max(abs(one - other) / other for one, other in zip(losses, known, strict=True))
    return {
        "device": torch_device,
        "model": model,
        "steps": STEPS,
        "losses": losses,
        "apart": apart,
        "ms": ms,
        "cpu_ms": known_ms,
    }


def describe(result: Result) -> str:
    return (
        f"ten steps of {result['model']} on {result['device']}: loss {result['losses'][0]:.3f} to "
        f"{result['losses'][-1]:.3f}, {result['apart']:.2%} off the CPU's at most; "
        f"{result['ms']:.1f} ms a step, on the CPU {result['cpu_ms']:.1f}"
    )


def is_good(result: Result) -> bool:
    """Return whether the device learns the same."""
    return bool(result["apart"] <= LEAST_SAME)


def _run(device_name: str, model: str) -> tuple[list[float], float]:
    """Return the losses of the first steps, and the median ms of a step."""
    import torch

    from fashion_pipeline.training.batches import Batches
    from fashion_pipeline.training.data import DataSet
    from fashion_pipeline.training.devices import Group, local_device
    from fashion_pipeline.training.loop import TrainingRun
    from fashion_pipeline.training.recipes import recipe_for
    from fashion_pipeline.training.runs import Job

    recipe = dataclasses.replace(recipe_for(model, "modern"), teacher="")
    generator = np.random.default_rng(0)
    count = STEPS * recipe.batch
    labels = generator.integers(0, 10, count)
    # A stripe for each label, so that there is something to learn.
    images = generator.integers(0, 80, (count, 28, 28), dtype=np.uint8)
    images[np.arange(count), 2 * labels + 4] += 170
    data = DataSet(
        train_images=images,
        train_labels=labels,
        test_images=images[:1],
        test_labels=labels[:1],
        digest="",
    )
    alone, device = Group(rank=0, size=1), local_device(device_name)
    job = Job(model=model, recipe=recipe, seed=0, precision="float32")
    run = TrainingRun.prepare(job, data, Batches(data, recipe, alone, device), alone)
    run.stepper.train()
    losses, times_s = list[float](), list[float]()
    for number, (pictures, _truth, targets) in enumerate(
        run.batches.shuffled(torch.Generator().manual_seed(0), 0)
    ):
        started_s = time.perf_counter()
        loss, _logits = run.step(pictures, targets, number)
        losses.append(loss.item())  # waits for the device
        times_s.append(time.perf_counter() - started_s)
    return losses, 1e3 * statistics.median(times_s)
