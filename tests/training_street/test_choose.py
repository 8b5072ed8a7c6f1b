"""Thresholds, honest scores, and the figures that the scoring tool prints."""

import numpy as np
import pytest

from fashion_pipeline.training.metrics import calibration_error
from fashion_pipeline.training.street.choose import choose_thresholds, fit_scores, rates


def noisy(count=4000, strength=2.0, share=0.3, seed=0):
    chance = np.random.default_rng(seed)
    worn = chance.random(count) < share
    return chance.normal(worn * strength, 1.0), worn


def test_rates_of_right_wrong_and_no_answers():
    worn = np.array([[1, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0]], bool)
    told = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0]], bool)

    result = rates(told, worn)

    assert result.j.tolist() == [1, -1, 0]
    assert result.f1.tolist() == [1, 0, 0]
    assert (result.precision, result.shown) == (0.5, 4)


def test_nobody_told_anything_is_no_error():
    result = rates(np.zeros((3, 2), bool), np.zeros((3, 2), bool))

    assert (result.precision, result.shown) == (0, 0)


def test_fitted_scores_are_honest():
    logits, worn = noisy()

    scale, offset = fit_scores(3 * logits, worn)
    honest = 1 / (1 + np.exp(-(scale * 3 * logits + offset)))

    assert calibration_error(honest, worn) < 0.03
    assert honest.mean() == pytest.approx(worn.mean(), abs=0.01)


def test_a_label_that_is_told_apart_perfectly_keeps_a_finite_scale():
    worn = np.arange(40) < 4

    scale, offset = fit_scores(np.where(worn, 30.0, -30.0), worn)

    assert 0 < scale < 5 and np.isfinite(offset)


@pytest.mark.parametrize("floor", [0.0, 0.7, 0.9])
def test_the_precision_floor_is_kept_and_costs_as_little_as_it_may(floor):
    columns = [noisy(strength=strength, seed=seed) for seed, strength in enumerate((1.0, 2.0, 3.0))]
    scores, worn = (np.stack(part, 1) for part in zip(*columns, strict=True))

    thresholds = choose_thresholds(scores, worn, worn.mean(0), floor)

    result = rates(scores >= thresholds, worn)
    assert result.precision >= floor - 0.01
    assert result.j.mean() > (0.6 if floor < 0.9 else 0.4)


def test_a_rarer_label_gets_a_higher_threshold():
    scores, worn = (part[:, None] for part in noisy())

    usual = choose_thresholds(scores, worn, np.array([0.3]), 0.6)
    rare = choose_thresholds(scores, worn, np.array([0.05]), 0.6)

    assert rare > usual
