"""Choose what is shown: honest scores, and a threshold for each label."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
SMOOTHING = 0.008  # of the photos, each side: a threshold must not rest on a single photo
NEWTON_STEPS = 50
PULL = 1.0  # photos' worth of belief that a logit is right as it is; few photos must not give wild answers


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Quality of answers: per label the rates of true and false positives, J and F1; the precision of all."""

    tpr: Matrix
    fpr: Matrix
    j: Matrix
    f1: Matrix
    precision: float
    shown: int


def rates(told: NDArray[np.bool_], worn: NDArray[np.bool_]) -> Rates:
    """Compare N x L answers with the truth. A rate without a case is 0."""
    tp, fp = (told & worn).sum(0), (told & ~worn).sum(0)
    fn, tn = (~told & worn).sum(0), (~told & ~worn).sum(0)
    tpr, fpr = tp / np.maximum(1, tp + fn), fp / np.maximum(1, fp + tn)
    return Rates(
        tpr=tpr,
        fpr=fpr,
        j=tpr - fpr,
        f1=2 * tp / np.maximum(1, 2 * tp + fp + fn),
        precision=float(tp.sum() / max(1, told.sum())),
        shown=int(told.sum()),
    )


def fit_scores(logits: Matrix, worn: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the scale and offset that make sigmoid(scale * logit + offset) the share right (Platt, 1999).

    The targets are his smoothed ones, so that a label that is told apart perfectly keeps a finite scale.
    """
    positives, negatives = int(worn.sum()), int((~worn).sum())
    target = np.where(worn, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.stack([logits, np.ones_like(logits)], 1)
    answer = np.array([1.0, 0.0])
    for _ in range(NEWTON_STEPS):
        score = 1 / (1 + np.exp(-(design @ answer)))
        gradient = design.T @ (score - target) + PULL * (answer - (1.0, 0.0))
        curvature = (design * (score * (1 - score))[:, None]).T @ design + PULL * np.eye(2)
        answer = answer - np.clip(np.linalg.solve(curvature, gradient), -1, 1)
    return float(answer[0]), float(answer[1])


@dataclass(frozen=True, kw_only=True)
class Curve:
    """All thresholds of one label, highest first, with what each gives."""

    thresholds: Matrix
    tpr: Matrix
    fpr: Matrix


def curve(scores: Matrix, worn: NDArray[np.bool_]) -> Curve:
    """The curve of one label, smoothed over neighbouring thresholds."""
    order = np.argsort(-scores, kind="stable")
    hits, sorted_scores = worn[order], scores[order]
    reach = max(1, round(len(scores) * SMOOTHING))
    window = np.ones(2 * reach + 1) / (2 * reach + 1)

    def smooth(values: Matrix) -> Matrix:
        return np.convolve(np.pad(values, reach, "edge"), window, "valid")

    return Curve(
        thresholds=(sorted_scores + np.append(sorted_scores[1:], sorted_scores[-1])) / 2,
        tpr=smooth(np.cumsum(hits) / max(1, hits.sum())),
        fpr=smooth(np.cumsum(~hits) / max(1, (~hits).sum())),
    )


def choose_thresholds(scores: Matrix, worn: NDArray[np.bool_], shares: Matrix, floor: float) -> Matrix:
    """Return a threshold a label: the best mean J with an expected precision of at least `floor`.

    scores: N x L. shares: the share of people who wear each label where the model will be used. J does not
    depend on it, so what is best for J stays so where other people are seen; precision does. A wrong answer
    has one price for all labels, found by halving, so the floor is reached where that costs least.
    """
    curves = [curve(scores[:, label], worn[:, label]) for label in range(scores.shape[1])]

    def at(price: float) -> tuple[Matrix, float]:
        thresholds, right, wrong = [], 0.0, 0.0
        for share, own in zip(shares, curves, strict=True):
            tp, fp = share * own.tpr, (1 - share) * own.fpr
            best = int(np.argmax(own.tpr - own.fpr + price * (tp * (1 - floor) - fp * floor)))
            thresholds.append(own.thresholds[best])
            right, wrong = right + tp[best], wrong + fp[best]
        return np.array(thresholds), right / max(1e-9, right + wrong)

    low, high = 0.0, 64.0
    if at(low)[1] >= floor:
        return at(low)[0]
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if at(middle)[1] >= floor else (middle, high)
    return at(high)[0]
