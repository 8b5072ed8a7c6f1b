"""Ask the shipped model what the main person of each picture wears: `python -m training.street.evaluate`.

Writes one line a picture, as the pipeline's results do, and with --truth prints J, F1 and precision with
their 95 % intervals. It asks the detector and the network alone, without tracking: it measures.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fashion.engines import Engine, open_engine
from fashion.labels import LABELS
from fashion.street import cut_look
from training.street.choose import rates
from training.street.crops import LOOK
from training.street.data import DataError, label_matrix, read_entries
from training.street.people import LargestPerson, read_picture
from training.street.train import MODELS
from training.street.views import to_looks

RESAMPLES = 2000
MIN_POSITIVES = 10  # a label that fewer photos show says too little to be counted in the means


class Wearing:
    """The shipped network with its thresholds."""

    def __init__(self, models: Path, *, mirrored: bool) -> None:
        self._engine: Engine = open_engine(models / "street.onnx")
        facts = json.loads((models / "street.json").read_text(encoding="utf-8"))
        self._thresholds = np.array([facts["thresholds"][label] for label in LABELS])
        self._unsure = np.array([facts["unsure_above"][label] for label in LABELS])
        self._mirrored = mirrored

    def tell(self, crop_rgb: NDArray[np.uint8]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return what the person wears and what is possible, each as label and score, surest first."""
        looks = to_looks([crop_rgb]).numpy()
        if self._mirrored:
            looks = np.concatenate([looks, looks[:, :, :, ::-1]])
        logits = self._engine.run({"images": np.ascontiguousarray(looks)})["scores"].mean(0)
        scores = 1 / (1 + np.exp(-logits))
        order = np.argsort(-scores)
        told = [index for index in order if scores[index] >= self._thresholds[index]]
        possible = [
            index for index in order if self._unsure[index] <= scores[index] < self._thresholds[index]
        ]
        named = [
            [{"label": LABELS[index], "score": round(float(scores[index]), 4)} for index in part]
            for part in (told, possible)
        ]
        return named[0], named[1]


def ask(folder: Path, wearing: Wearing) -> list[dict[str, Any]]:
    """One record a picture of a folder, in the order of their names."""
    detector = LargestPerson()
    records = []
    for path in tqdm(sorted(folder.glob("*.jpg")), "photos", unit="photo", disable=None):
        image = read_picture(path)
        box = detector.find(image)
        people = []
        crop = None if box is None else cut_look(image, box, LOOK)
        if box is not None and crop is not None:
            garments, unsure = wearing.tell(crop)
            people.append({"box": [round(edge, 1) for edge in box], "garments": garments, "unsure": unsure})
        records.append({"uri": path.name, "status": "ok", "people": people})
    if not records:
        raise DataError(f"{folder}: no pictures (*.jpg) in it")
    return records


def figures(records: Sequence[dict[str, Any]], truth: Path) -> dict[str, list[float]]:
    """Mean J, mean F1 and precision, each with the ends of its 95 % interval (bootstrap over photos)."""
    entries = read_entries(truth)
    said = {record["uri"]: record["people"] for record in records}
    worn = label_matrix(entries) > 0.5
    answers = [
        {garment["label"] for person in said.get(entry["photo"], []) for garment in person["garments"]}
        for entry in entries
    ]
    told = np.array([[label in own for label in LABELS] for own in answers])
    counted = worn.sum(0) >= MIN_POSITIVES
    chance = np.random.Generator(np.random.PCG64(0))
    samples = [np.arange(len(entries))]
    samples += [chance.integers(len(entries), size=len(entries)) for _ in range(RESAMPLES)]
    rows = []
    for sample in samples:
        result = rates(told[sample], worn[sample])
        rows.append([result.j[counted].mean(), result.f1[counted].mean(), result.precision])
    table = np.array(rows)
    low, high = np.percentile(table[1:], [2.5, 97.5], axis=0)
    return {
        name: [round(float(value), 3) for value in (table[0, column], low[column], high[column])]
        for column, name in enumerate(("mean_j", "mean_f1", "precision"))
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the results and print the figures. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.street.evaluate", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder of *.jpg, one main person each")
    parser.add_argument("--results", type=Path, required=True, help="where to write results.jsonl")
    parser.add_argument("--truth", type=Path, help="a JSON list of the photos' garments")
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--mirrored", action="store_true", help="look twice, the second time mirrored")
    options = parser.parse_args(arguments)
    try:
        records = ask(options.folder, Wearing(options.models, mirrored=options.mirrored))
        options.results.write_text("".join(json.dumps(record) + "\n" for record in records))
        if options.truth:
            for name, (value, low, high) in figures(records, options.truth).items():
                print(f"{name} {value:.3f} ({low:.3f} to {high:.3f})")
    except DataError as error:
        print(f"street: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
