"""Score what a results.jsonl says that people wear against a list of what they do wear.

Of each photo the person with the largest box counts. The means are over the labels that at least
MIN_POSITIVES photos show. Intervals: 95 %, by bootstrap over photos (Efron, 1979), with the labels counted
held fixed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.street.choose import Matrix, Rates, rates
from fashion_pipeline.training.street.data import label_matrix, read_entries

MIN_POSITIVES = 10  # a label that fewer photos show says too little to be counted in the means
RESAMPLES = 2000
SEED = 0

Answers = NDArray[np.bool_]
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Answers and truth, photo by photo: N x 10 each. missing: photos without a result."""

    worn: Answers
    told: Answers
    unsure: Answers
    missing: int


@dataclass(frozen=True, kw_only=True)
class StreetFigures:
    """The rates of each label, the means over those counted, and the 95 % intervals.

    intervals: of "mean_j", "mean_f1" and "precision"; empty, as the means are nan, if no label is counted.
    """

    rates: Rates
    counted: NDArray[np.bool_]
    mean_j: float
    mean_f1: float
    intervals: dict[str, Interval]
    j_intervals: tuple[Interval, ...]


def compare(truth: Path, results: Path) -> Comparison:
    """Read both files. Raises DataError, naming file and line or entry, for one that is damaged."""
    entries = read_entries(truth)
    said = read_results(results)
    told, unsure = (
        np.array([[label in said.get(entry["photo"], nobody)[part] for label in LABELS] for entry in entries])
        for part, nobody in ((0, _NOBODY), (1, _NOBODY))
    )
    return Comparison(
        worn=label_matrix(entries) > 0.5,
        told=told,
        unsure=unsure,
        missing=sum(entry["photo"] not in said for entry in entries),
    )


_NOBODY: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())


def read_results(path: Path) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return, by the file name of each picture, what its main person wears and what of that is unsure."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; run the graph again") from error
    said = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row: dict[str, Any] = json.loads(line)
            name = PurePath(row.get("uri") or "").name
            main = max(row.get("people") or [], key=lambda person: _area(person["box"]), default=None)
            parts = [
                frozenset(str(garment["label"]) for garment in (main or {}).get(key, ()))
                for key in ("garments", "unsure")
            ]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: line {number}: not a frame's record ({error!r})") from error
        unknown = (parts[0] | parts[1]) - set(LABELS)
        if unknown:
            raise DataError(f"{path}: line {number}: label {min(unknown)!r} is not of the ten")
        said[name] = (parts[0], parts[1])
    return said


def _area(box_xyxy: Sequence[float]) -> float:
    x0, y0, x1, y1 = box_xyxy
    return max(0.0, x1 - x0) * max(0.0, y1 - y0)


def figures(comparison: Comparison) -> StreetFigures:
    """Compute everything that `report` prints."""
    worn, told = comparison.worn, comparison.told
    result = rates(told, worn)
    counted = worn.sum(0) >= MIN_POSITIVES
    chance = np.random.Generator(np.random.PCG64(SEED))
    rows, by_label = [], []
    for _ in range(RESAMPLES):
        sample = chance.integers(len(worn), size=len(worn))
        other = rates(told[sample], worn[sample])
        by_label.append(other.j)
        if counted.any():
            rows.append((other.j[counted].mean(), other.f1[counted].mean(), other.precision))
    return StreetFigures(
        rates=result,
        counted=counted,
        mean_j=float(result.j[counted].mean()) if counted.any() else float("nan"),
        mean_f1=float(result.f1[counted].mean()) if counted.any() else float("nan"),
        intervals=dict(zip(("mean_j", "mean_f1", "precision"), _ends(np.array(rows)), strict=True))
        if rows
        else {},
        j_intervals=_ends(np.array(by_label)),
    )


def _ends(samples: Matrix) -> tuple[Interval, ...]:
    low, high = np.percentile(samples, [2.5, 97.5], axis=0)
    return tuple((float(one), float(other)) for one, other in zip(low, high, strict=True))


def report(comparison: Comparison, found: StreetFigures) -> str:
    """The table by label, then the means; a rate without a case is nan."""
    worn, told = comparison.worn, comparison.told
    lines = [
        f"{'label':12s} {'n':>4s} {'TPR':>6s} {'FPR':>6s} {'J':>6s} {'95 % of J':>16s} {'F1':>6s} "
        f"{'shown':>6s} {'unsure':>6s}"
    ]
    for index, label in enumerate(LABELS):
        count = int(worn[:, index].sum())
        tpr = found.rates.tpr[index] if count else float("nan")
        fpr = found.rates.fpr[index] if count < len(worn) else float("nan")
        low, high = found.j_intervals[index] if np.isfinite(tpr - fpr) else (float("nan"),) * 2
        lines.append(
            f"{label:12s} {count:4d} {tpr:6.3f} {fpr:6.3f} {tpr - fpr:6.3f} {low:7.3f} to {high:5.3f} "
            f"{found.rates.f1[index]:6.3f} {told[:, index].sum():6d} {comparison.unsure[:, index].sum():6d}"
        )
    lines.append(f"photos {len(worn)}, without a result {comparison.missing}")
    if not found.intervals:
        lines.append(f"no means: no label is on {MIN_POSITIVES} photos or more")
        return "\n".join(lines)
    lines.append(
        f"mean J {found.mean_j:.3f}   mean F1 {found.mean_f1:.3f}   precision {found.rates.precision:.3f}   "
        f"(classes with {MIN_POSITIVES} or more: {found.counted.sum()}; labels shown {found.rates.shown}; "
        f"unsure {comparison.unsure.sum()})"
    )
    ends = [f"{name} {low:.3f} to {high:.3f}" for name, (low, high) in found.intervals.items()]
    lines.append(f"95 % by bootstrap over photos: {', '.join(ends)}")
    return "\n".join(lines)
