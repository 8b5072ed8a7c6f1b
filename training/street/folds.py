"""Runs side by side that leave out a part of the people each, so that the parts together judge the model."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch
from numpy.typing import NDArray

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.training.street.fit import StreetRecipe, StreetRun, fit, logits
from fashion_pipeline.training.street.network import Street
from fashion_pipeline.training.street.pool import make_pool
from fashion_pipeline.training.street.views import Cache, cache_path

FOLDS = 4
FOLD_SEED = 0


def draw_folds(count: int) -> NDArray[np.int64]:
    """Return for each of `count` people, 0 to FOLDS - 1, which run leaves it out; always the same."""
    return np.random.RandomState(FOLD_SEED).permutation(count) % FOLDS


def make_runs(
    people: Cache,
    answers: NDArray[np.float32],
    wholes: Cache,
    folders: NDArray[np.int64],
    fold_of: NDArray[np.int64],
    recipe: StreetRecipe,
) -> list[StreetRun]:
    """Plan a run for each fold, which learns from the people of the others and from all garments.

    answers: N x (10 + tags), and fold_of: N, of the people; folders: M, of the garments.
    """
    identity = {**people.identity, "garments": wholes.identity, "recipe": asdict(recipe), "folds": FOLDS}
    return [
        StreetRun(
            name=f"fold {fold}",
            people_path=people.path,
            garments_path=wholes.path,
            answers=answers,
            folders=folders,
            chosen=np.flatnonzero(fold_of != fold),
            recipe=recipe,
            checkpoint=cache_path(f"run{fold}", {**identity, "fold": fold}),
        )
        for fold in range(FOLDS)
    ]


def logits_unseen(
    networks: Sequence[Street], plain: torch.Tensor, fold_of: NDArray[np.int64]
) -> NDArray[np.float64]:
    """N x 10: what each fold's network says of the people that it has not seen. plain: N views."""
    found = np.zeros((len(fold_of), len(LABELS)))
    for fold, network in enumerate(networks):
        inside = fold_of == fold
        found[inside] = logits(network, plain[torch.from_numpy(inside)])[0][:, : len(LABELS)]
    return found


def run_all(runs: Sequence[StreetRun], jobs: int) -> list[Street]:
    """Do the runs, `jobs` at a time in processes of one thread each, and return their networks.

    Two runs side by side are quicker than one on two cores, and the result does not depend on their number.
    """
    with make_pool(jobs) as pool:
        list(pool.map(fit, runs))
    return [fit(run) for run in runs]  # from their checkpoints
