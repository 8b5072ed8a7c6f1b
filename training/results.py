"""What a finished run leaves: a record with all figures, the model, its ONNX form and its pictures."""

import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.model_file import ModelInfo, export_onnx, save_model
from fashion_pipeline.fashion.whole_files import write_whole
from fashion_pipeline.training.data import DataSet
from fashion_pipeline.training.evaluate import describe, evaluate_network, predict
from fashion_pipeline.training.job import Job
from fashion_pipeline.training.loop import Outcome
from fashion_pipeline.training.metrics import best_temperature
from fashion_pipeline.training.pictures import draw_confusion, draw_curves
from fashion_pipeline.training.recipes import MODELS, TEMPERATURES, input_spec
from fashion_pipeline.training.shipping import how_to_ship

LIBRARIES = ("torch", "numpy", "safetensors")


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
    """What the figures were measured on, as far as Python knows it."""
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{platform.machine()}, {capability}, {torch.get_num_threads()} threads"


def write_json(path: Path, record: dict[str, Any]) -> None:
    """One line a field, so that a changed figure shows in a difference."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items()]
    write_whole(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
