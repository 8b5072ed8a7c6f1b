"""Turn what the runs say of photos that they did not see into calibration, thresholds and honest figures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.training.metrics import calibration_error
from fashion_pipeline.training.street.choose import (
    Matrix,
    choose_thresholds,
    fit_scores,
    rates,
)
from fashion_pipeline.training.street.data import FOLDERS, LABELS_OF_FOLDER

PRECISION_FLOOR = 0.61
"""Of the labels shown, how many must be right by cross-validation, at the shares of `expected_shares`: 0.60
is promised, the rest is for the sampling error."""

EXPECTED_SHARES = {"T-shirt/top": 0.09}
"""Shares of people that differ, where the model will be used, from those of the tagged photos. A third of the
tagged photos name a T-shirt or top, many of them hidden below a coat; boxes drawn by hand show one in 9 %."""

RARE, RARE_FACTOR = 0.2, 0.5
"""A label on fewer than this part of the photos is taken to be so much rarer where the model will be used.
Shares of shoes differ most between sets of photos, and a rare label's wrong answers then outnumber the right
ones: with half the share the promise holds there too, and J hardly falls (0.487 to 0.483)."""

ECE_BINS = 10
UNSURE = 0.6
"""A label with at least this part of its threshold is possible: it goes into the list of the unsure."""


def judge(found: Matrix, worn: NDArray[np.bool_], fold_of: NDArray[np.int64]) -> dict[str, Any]:
    """Calibrate and choose thresholds on the answers to unseen photos; and say how good they are.

    found: logits, N x 10. The figures are nested: each fold is judged with the calibration and the thresholds
    of the others. Returns the facts of street.json, and "scales" and "offsets" for `network.for_use`.
    """
    scales, offsets, thresholds = settle(found, worn)
    told, honest = np.zeros_like(worn), np.zeros_like(found)
    for fold in np.unique(fold_of):
        inside = fold_of == fold
        own_scales, own_offsets, own_thresholds = settle(found[~inside], worn[~inside])
        honest[inside] = calibrated(found[inside], own_scales, own_offsets)
        told[inside] = honest[inside] >= own_thresholds
    result = rates(told, worn)
    shares = expected_shares(worn)
    right, wrong = shares * result.tpr, (1 - shares) * result.fpr
    return {
        "scales": scales.tolist(),
        "offsets": offsets.tolist(),
        "thresholds": _by_label(thresholds, 4),
        "unsure_above": _by_label(thresholds * UNSURE, 4),
        "cross_validation": {
            "photos": len(worn),
            "folds": len(np.unique(fold_of)),
            "mean_j": round(float(result.j.mean()), 4),
            "mean_f1": round(float(result.f1.mean()), 4),
            "precision": round(result.precision, 4),
            "precision_at_expected_shares": round(float(right.sum() / (right + wrong).sum()), 4),
            "ece": round(calibration_error(honest, worn, ECE_BINS), 4),
            "j": _by_label(result.j, 3),
            "f1": _by_label(result.f1, 3),
        },
    }


def matched(
    facts: dict[str, Any], found: Matrix, mixed: NDArray[np.float32]
) -> tuple[list[float], list[float]]:
    """Return the scales and offsets for a mean of networks, from those that `judge` found for each alone.

    found: the logits that each photo got from the network that had not seen it; mixed: those of the mean,
    N x 10. A mean of weights says nearly the same (correlation 0.94 to 0.99) but less loudly: its logits have
    0.6 to 0.9 of the spread. So each label's are first brought to the mean and spread of those calibrated.
    """
    louder = found.std(0) / np.maximum(mixed.std(0), 1e-6)
    scales = np.array(facts["scales"])
    offsets = np.array(facts["offsets"]) + scales * (found.mean(0) - louder * mixed.mean(0))
    return (scales * louder).tolist(), offsets.tolist()


def settle(found: Matrix, worn: NDArray[np.bool_]) -> tuple[Matrix, Matrix, Matrix]:
    """Return scale and offset of each label's logits, and the thresholds of the scores that they make."""
    pairs = [fit_scores(found[:, label], worn[:, label]) for label in range(worn.shape[1])]
    scales, offsets = np.array(pairs).T
    honest = calibrated(found, scales, offsets)
    return scales, offsets, choose_thresholds(honest, worn, expected_shares(worn), PRECISION_FLOOR)


def calibrated(found: Matrix, scales: Matrix, offsets: Matrix) -> Matrix:
    """Logits to honest scores, 0..1."""
    return np.asarray(1 / (1 + np.exp(-(found * scales + offsets))))


def expected_shares(worn: NDArray[np.bool_]) -> Matrix:
    """The share of people who wear each label where the model will be used."""
    measured = worn.mean(0)
    cautious = np.where(measured < RARE, measured * RARE_FACTOR, measured)
    return np.array([EXPECTED_SHARES.get(name, own) for name, own in zip(LABELS, cautious, strict=True)])


def folder_accuracy(scores: NDArray[np.float32], folders: NDArray[np.int64]) -> dict[str, float]:
    """Share of garment photos told right: of all, and of those whose folder has one of the ten labels."""
    right = scores.argmax(1) == folders
    labelled = np.isin(folders, [FOLDERS.index(name) for name in LABELS_OF_FOLDER])
    return {
        "all_folders": round(float(right.mean()), 4),
        "labelled": round(float(right[labelled].mean()), 4),
    }


def _by_label(values: Matrix, digits: int) -> dict[str, float]:
    return dict(zip(LABELS, np.round(values, digits).tolist(), strict=True))
