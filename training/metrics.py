"""Figures of a classifier, from its logits and the true labels, or as the records of runs have them."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_pipeline.fashion.labels import LABELS

Z_95 = 1.959964  # standard deviations that hold 95 % of a normal distribution
ECE_BINS = 15  # the usual number (Guo et al., arXiv:1706.04599)


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """accuracy: 0..1, with its 95 % Wilson interval. per_class: label to recall. confusion: rows are the true
    classes, columns the given ones. ece: expected calibration error of the scores, 0..1."""

    count: int
    accuracy: float
    interval_95: tuple[float, float]
    per_class: dict[str, float | None]
    confusion: list[list[int]]
    ece: float

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)


def measure(logits: NDArray[np.float32], truth: NDArray[np.int64], temperature: float = 1.0) -> Metrics:
    """Compare logits (N x 10) with the true class numbers (N). ValueError for N = 0 or other shapes."""
    if logits.shape != (len(truth), len(LABELS)) or not len(truth):
        raise ValueError(
            f"logits must be (N, {len(LABELS)}) for N > 0 labels, got {logits.shape}, {truth.shape}"
        )
    scores = softmax(logits / temperature)
    given = scores.argmax(axis=1)
    confusion = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(confusion, (truth, given), 1)
    hits, totals = int(np.trace(confusion)), confusion.sum(axis=1)
    return Metrics(
        count=len(truth),
        accuracy=hits / len(truth),
        interval_95=wilson_interval(hits, len(truth)),
        # A class without a picture has no recall.
        per_class={
            label: int(confusion[i, i]) / int(totals[i]) if totals[i] else None
            for i, label in enumerate(LABELS)
        },
        confusion=confusion.tolist(),
        ece=calibration_error(scores.max(axis=1), given == truth),
    )


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores that sum to 1 in each row; stable for large logits."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson 1927): unlike the normal one, it never leaves 0..1."""
    rate, z2 = hits / count, Z_95**2
    middle = (rate + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * math.sqrt(rate * (1 - rate) / count + z2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def calibration_error(
    confidence: NDArray[np.float64], is_right: NDArray[np.bool_], bins: int = ECE_BINS
) -> float:
    """Expected calibration error: the mean distance, by bins of equal width, of confidence (0..1) and the
    share that is right, weighed by their size. Both arrays are of one shape, whatever it is.
    """
    number_of = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for number in np.unique(number_of):
        inside = number_of == number
        error += abs(float(confidence[inside].mean() - is_right[inside].mean())) * float(inside.mean())
    return error


def best_temperature(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """The temperature with the least log loss on these pictures (held-out ones, not the test set's).

    Searched on a grid: the loss has one minimum in the logarithm of the temperature, and 1 % is close enough.
    """
    grid = np.exp(np.arange(math.log(0.1), math.log(10.0), 0.01))
    rows = np.arange(len(truth))
    losses = [-np.log(softmax(logits / t)[rows, truth] + 1e-12).mean() for t in grid]
    return round(float(grid[int(np.argmin(losses))]), 3)


def read_records(folder: Path) -> list[dict[str, Any]]:
    """The records of runs on the test pictures; those on held-out pictures were for choices."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return [record for record in records if record["measured_on"] == "test pictures"]
