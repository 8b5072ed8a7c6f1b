"""Rebuild models/street.onnx in one command: `python -m training.street.train`.

Reads the tagged street photos (STREET_DATA) and the garment photos (CLOTHING_DATA). Boxes, views and the
state of each run are kept in CHECKPOINT_DIR: stop it at any moment, the same command goes on. Four runs
leave out a quarter of the street photos each; what they say of the photos that they did not see gives the
calibration, the thresholds and the figures. The mean of their weights is the model.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

import numpy as np

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.results import TRIED_FOLDER, how_to_ship
from fashion_pipeline.training.runs import CheckpointError
from fashion_pipeline.training.street.backbone import REQUIREMENT, WeightsError
from fashion_pipeline.training.street.crops import LOOK, SPEC, Person
from fashion_pipeline.training.street.data import (
    FOLDERS,
    LABELS_OF_FOLDER,
    clothing_folder,
    load_garments,
    load_tagged,
    street_folder,
)
from fashion_pipeline.training.street.export import export_onnx, write_facts, write_notice
from fashion_pipeline.training.street.fit import StreetRecipe, logits
from fashion_pipeline.training.street.folds import draw_folds, logits_unseen, make_runs, run_all
from fashion_pipeline.training.street.judge import folder_accuracy, judge, matched
from fashion_pipeline.training.street.network import Street, for_use, mean_of
from fashion_pipeline.training.street.people import find_boxes, load_people, load_wholes
from fashion_pipeline.training.street.views import Cache, cache_of, cache_path, lower_views

PROJECT = Path(__file__).resolve().parents[2]
MODELS = PROJECT / "models"
GARMENT_VIEWS = 3
SPREAD_J = 0.01
"""A new model is no worse if its J is lower by no more: the same run on another machine gives other bits."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, and write the model's files. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.street.train", description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS, help="folder for street.onnx and street.json")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time, a core each")
    parser.add_argument("--epochs", type=int, default=StreetRecipe().epochs)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        train(options.models, StreetRecipe(epochs=options.epochs, seed=options.seed), options.jobs)
    except (CheckpointError, DataError, WeightsError) as error:
        print(f"street: {error}", file=sys.stderr)
        return 2
    return 0


def train(models: Path, recipe: StreetRecipe, jobs: int) -> None:
    """Do all that the module's docstring says."""
    photos = load_tagged(street_folder())
    garments = load_garments(clothing_folder(), "train")
    unseen = load_garments(clothing_folder(), "validation")
    people = cache_of("people", photos.paths, recipe.views)
    wholes = cache_of("garments", garments.paths, GARMENT_VIEWS)

    views = lower_views(lambda: _load_people(photos.paths, people), recipe.views, 1, people.path)
    lower_views(lambda: load_wholes(garments.paths), GARMENT_VIEWS, 0, wholes.path)
    unseen_path = cache_of("unseen", unseen.paths, 0).path
    unseen_views = lower_views(lambda: load_wholes(unseen.paths), 0, 1, unseen_path)

    fold_of = draw_folds(len(photos.paths))
    answers = np.hstack([photos.labels, photos.tags])
    networks = run_all(make_runs(people, answers, wholes, garments.folders, fold_of, recipe), jobs)

    plain = views[recipe.views]
    found = logits_unseen(networks, plain, fold_of)
    judged = judge(found, photos.labels > 0.5, fold_of)
    network = mean_of(networks)
    scales, offsets = matched(judged, found, logits(network, plain)[0][:, : len(LABELS)])
    del judged["scales"], judged["offsets"]  # of single networks; those of the mean go into its weights
    _, folder_scores = logits(network, unseen_views[0])
    small = for_use(network, scales, offsets)
    facts = {
        **_what_it_takes_and_gives(),
        **judged,
        "garment_accuracy": folder_accuracy(folder_scores, unseen.folders),
        "parameters": sum(weight.numel() for weight in small.parameters()),
        **_how_it_was_made(recipe, photos.digest, jobs),
    }
    reason = why_not_shipped(recipe, facts) if models.resolve() == MODELS else ""
    folder = PROJECT / TRIED_FOLDER if reason else models
    write_model(folder, small, facts)
    if reason:
        print(how_to_ship(folder / "street", reason))
    print(json.dumps({name: facts[name] for name in ("cross_validation", "garment_accuracy")}, indent=1))


def why_not_shipped(recipe: StreetRecipe, facts: dict[str, Any]) -> str:
    """Return why a new model may not take the place of the shipped one; "" if it may."""
    if replace(recipe, seed=0) != StreetRecipe():
        return "its recipe is not the shipped one"
    there = MODELS / "street.json"
    known = json.loads(there.read_text(encoding="utf-8")) if there.exists() else None
    before = known["cross_validation"]["mean_j"] if known else 0.0
    now = facts["cross_validation"]["mean_j"]
    if now >= before - SPREAD_J:
        return ""
    return f"its mean J of {now:.3f} by cross-validation is below the shipped model's {before:.3f}"


def write_model(models: Path, network: Street, facts: dict[str, Any]) -> None:
    """Write street.onnx, and next to it the facts needed to use it."""
    models.mkdir(parents=True, exist_ok=True)
    export_onnx(network, models / "street.onnx", facts)
    write_facts(models / "street.json", facts)
    write_notice(models / "street.LICENSE", _license())
    print(f"wrote {models / 'street.onnx'}")


def _load_people(paths: Sequence[Path], cache: Cache) -> list[Person]:
    boxes = find_boxes(paths, cache_path("boxes", cache.identity).with_suffix(".json"))
    return load_people(paths, boxes)


def _what_it_takes_and_gives() -> dict[str, Any]:
    return {
        "model": "street",
        "input": SPEC.to_plain(),
        "margin": LOOK.margin,
        "fill": LOOK.fill,
        "labels": list(LABELS),
        "folders": list(FOLDERS),
        "labels_of_folder": {name: list(labels) for name, labels in LABELS_OF_FOLDER.items()},
    }


def _how_it_was_made(recipe: StreetRecipe, data_digest: str, jobs: int) -> dict[str, Any]:
    return {
        "recipe": asdict(recipe),
        "pretrained": REQUIREMENT,
        "data_digest": data_digest,
        "libraries": {name: version(name) for name in ("torch", "numpy", "onnx")},
        "machine": f"{platform.machine()}, {jobs} processes of one thread",
    }


def _license() -> str:
    files = distribution(REQUIREMENT.split("==")[0]).files or []
    (path,) = [path for path in files if path.name == "LICENSE"]
    # The package has the short form; the licence asks for its whole text, which is also this project's own.
    return path.read_text() + (PROJECT / "LICENSE").read_text()


if __name__ == "__main__":
    sys.exit(main())
