"""Which trained models may be shipped: those of whole runs by the shipped recipe that are no worse."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from fashion_pipeline.fashion.model_lookup import MODELS_FOLDER
from fashion_pipeline.training.data import DataSet
from fashion_pipeline.training.job import Job
from fashion_pipeline.training.recipes import SHIPPED, recipe_for
from fashion_pipeline.training.table import read_records

SHIPPED_RECIPE = "modern"
TRAIN_PICTURES, TEST_PICTURES = 60_000, 10_000
TRIED_FOLDER = Path("out/models")
"""Where the others go."""


def why_not_whole(job: Job, data: DataSet) -> str:
    """Return why a run may not be shipped, whatever comes of it; "" if it is whole, by the shipped recipe."""
    if job.model not in SHIPPED:
        return f"{job.model} is not among the shipped models ({', '.join(SHIPPED)})"
    whole = recipe_for(job.model, SHIPPED_RECIPE)
    if job.recipe.name != whole.name:
        return f"its recipe is {job.recipe.name}, the shipped one {whole.name}"
    if job.recipe.epochs != whole.epochs:
        return f"it ran {job.recipe.epochs} epochs, the shipped recipe has {whole.epochs}"
    if job.recipe != whole:
        return "its recipe is not the shipped one"
    counts = len(data.train_labels), len(data.test_labels)
    if counts != (TRAIN_PICTURES, TEST_PICTURES):
        return f"it saw {counts[0]:,} + {counts[1]:,} pictures, not all of Fashion-MNIST"
    return ""


def place_of(job: Job, data: DataSet, accuracy: float, models: Path, results: Path) -> tuple[Path, str]:
    """Return the folder for a trained model and, where that is not the wanted one, why.

    models: the wanted folder; any but that of the shipped models takes every model. accuracy: 0..1, on the
    test pictures. results: the folder of the runs' records.
    """
    if not is_shipped_folder(models):
        return models, ""
    reason = why_not_whole(job, data) or why_worse(job, accuracy, results)
    return (TRIED_FOLDER if reason else models), reason


def is_shipped_folder(models: Path) -> bool:
    return models.resolve() == MODELS_FOLDER


def why_worse(job: Job, accuracy: float, results: Path) -> str:
    """Return in what a whole run's model is worse than the shipped one, beyond the spread of seeds; "" if it
    is not, or none is there."""
    there = MODELS_FOLDER / f"{job.model}.json"
    if not there.exists():
        return ""
    before = float(json.loads(there.read_text(encoding="utf-8"))["accuracy"])
    spread = spread_of_seeds(read_records(results) if results.is_dir() else [], job)
    if accuracy >= before - spread:
        return ""
    return f"its {accuracy:.2%} is below the shipped model's {before:.2%}, whose seeds lie {spread:.2%} apart"


def spread_of_seeds(records: list[dict[str, Any]], job: Job) -> float:
    """Return how far the accuracies of a recipe's seeds lie apart, 0..1; where a model was run once only, the
    widest of the other models by that recipe."""
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    for record in records:
        if record["recipe"]["name"] == job.recipe.name:
            found[record["model"], record["recipe"]["epochs"]].append(record["accuracy"])
    spreads = {key: max(values) - min(values) for key, values in found.items() if len(values) > 1}
    return spreads.get((job.model, job.recipe.epochs), max(spreads.values(), default=0.0))


def how_to_ship(written: Path, reason: str) -> str:
    """Return the lines that say where a model lies that was not shipped, why, and how to use or ship it.

    written: its path without suffix."""
    suffix = next(end for end in (".safetensors", ".onnx") if written.with_name(written.name + end).exists())
    return (
        f"{written}.* is not in models/: {reason}\n"
        f"to use it: --set classify.model={written}{suffix}; to ship it all the same: cp {written}.* models/"
    )
