"""Output of a finished run: a record with all figures, the model, its ONNX form and its pictures.

Only models of whole runs by the shipped recipe that are no worse go to where the shipped ones lie.
"""

import json
import platform
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.model_file import ModelInfo, export_onnx, save_model
from fashion_pipeline.fashion.model_lookup import MODELS_FOLDER
from fashion_pipeline.fashion.whole_files import write_whole
from fashion_pipeline.training.data import DataSet
from fashion_pipeline.training.evaluate import describe, evaluate_network, predict
from fashion_pipeline.training.loop import Outcome
from fashion_pipeline.training.metrics import best_temperature, read_records
from fashion_pipeline.training.recipes import MODELS, SHIPPED, TEMPERATURES, input_spec, recipe_for
from fashion_pipeline.training.runs import Job

LIBRARIES = ("torch", "numpy", "safetensors")
DPI = 80
SHIPPED_RECIPE = "modern"
TRAIN_PICTURES, TEST_PICTURES = 60_000, 10_000
TRIED_FOLDER = Path("out/models")
"""The folder of models that are not shipped."""


def write_results(
    name: str,
    job: Job,
    data: DataSet,
    outcome: Outcome,
    *,
    processes: int,
    results: Path,
    place: Callable[[float], tuple[Path, str]] | None,
) -> str:
    """Measure the network once on the test pictures of `data` and write NAME.json into `results`.

    With `place`, also write the model and its JSON, ONNX and pictures, by the model's name, into the folder
    that it gives for the accuracy, with the reason where that is not the wanted one. Returns a text for the
    reader.
    """
    spec = input_spec(job.recipe)
    network = outcome.network.float()
    temperature = TEMPERATURES.get((MODELS[job.model].network, job.recipe.name), 1.0)
    figures = evaluate_network(network, data, spec, temperature)
    record: dict[str, Any] = {
        "model": job.model,
        "seed": job.seed,
        "measured_on": "held-out training pictures" if job.held_out else "test pictures",
        "train_pictures": len(data.train_labels),
        "precision": job.precision,
        "compiled": job.compiled,
        "taught_by": job.taught_by,
        "recipe": asdict(job.recipe),
        "seconds": round(sum(report.seconds for report in outcome.history), 1),
        "cpu_seconds": round(sum(report.cpu_seconds for report in outcome.history), 1),
        "processes": processes,
        "machine": machine(),
        "libraries": {library: version(library) for library in LIBRARIES},
        "data_digest": data.digest,
        **figures,
        "history": [asdict(report) for report in outcome.history],
    }
    text = f"{name}: {describe(figures)}"
    if job.held_out:
        record["best_temperature"] = best_temperature(
            predict(network, data.test_images, spec), data.test_labels
        )
        text += f"\nbest temperature on the held-out pictures: {record['best_temperature']}"
    write_json(results / f"{name}.json", record)
    if place is not None:
        folder, reason = place(figures["accuracy"])
        info = ModelInfo(
            name=job.model,
            network=MODELS[job.model].network,
            labels=LABELS,
            input=spec,
            accuracy=figures["accuracy"],
            temperature=temperature,
            recipe={**asdict(job.recipe), "seed": job.seed, "taught_by": job.taught_by},
            data_digest=data.digest,
            created_by=record["libraries"],
        )
        write_model(folder / job.model, name, network, info, record)
        if reason:
            text += f"\n{how_to_ship(folder / job.model, reason)}"
    return text


def write_model(
    base: Path, run: str, network: torch.nn.Module, info: ModelInfo, record: dict[str, Any]
) -> None:
    """Write a model by its name `base` without suffix: weights, ONNX form, record and pictures."""
    base.parent.mkdir(parents=True, exist_ok=True)
    weights = base.with_name(f"{base.name}.safetensors")
    save_model(weights, network.state_dict(), info)
    export_onnx(weights)
    write_json(base.with_name(f"{base.name}.json"), record)
    draw_curves(base.with_name(f"{base.name}.curves.png"), run, record["history"])
    title = f"{run}: {record['accuracy']:.2%}"
    draw_confusion(base.with_name(f"{base.name}.confusion.png"), title, record["confusion"])


def machine() -> str:
    """Return the machine on which the figures were measured, as far as Python knows it."""
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{platform.machine()}, {capability}, {torch.get_num_threads()} threads"


def write_json(path: Path, record: dict[str, Any]) -> None:
    """One line a field, so that a changed figure shows in a difference."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items()]
    write_whole(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def draw_curves(path: Path, title: str, history: Sequence[dict[str, Any]]) -> None:
    """Loss and accuracy over the epochs, as a picture. history: reports of the epochs, as plain dicts."""
    epochs = [entry["epoch"] for entry in history]
    figure = Figure(figsize=(9, 3.5), dpi=DPI)
    left, right = figure.subplots(1, 2)
    left.plot(epochs, [entry["loss"] for entry in history])
    left.set(xlabel="epoch", ylabel="loss on training pictures", title=title)
    right.plot(epochs, [100 * entry["accuracy"] for entry in history], label="training pictures, as changed")
    if all(entry["held_out"] is not None for entry in history):
        right.plot(epochs, [100 * entry["held_out"] for entry in history], label="held-out pictures")
    right.set(xlabel="epoch", ylabel="accuracy, %")
    right.legend()
    figure.tight_layout()
    figure.savefig(path)


def draw_confusion(path: Path, title: str, confusion: Sequence[Sequence[int]]) -> None:
    """The confusion matrix as a picture; the diagonal is left white so that the mistakes show."""
    largest = max(n for i, row in enumerate(confusion) for j, n in enumerate(row) if i != j) or 1
    shades = [[0 if i == j else n / largest for j, n in enumerate(row)] for i, row in enumerate(confusion)]
    figure = Figure(figsize=(6.5, 6), dpi=DPI)
    axes = figure.subplots()
    axes.imshow(shades, cmap="Reds", vmin=0, vmax=1.4)
    for i, row in enumerate(confusion):
        for j, n in enumerate(row):
            axes.text(j, i, str(n), ha="center", va="center", weight="bold" if i == j else "normal")
    axes.set_xticks(range(len(LABELS)), LABELS, rotation=45, ha="right")
    axes.set_yticks(range(len(LABELS)), LABELS)
    axes.set(xlabel="given", ylabel="true", title=title)
    figure.tight_layout()
    figure.savefig(path)


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
