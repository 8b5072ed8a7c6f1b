import numpy as np
import pytest

from fashion_pipeline.training.metrics import (
    best_temperature,
    calibration_error,
    measure,
    softmax,
    wilson_interval,
)


def test_a_perfect_classifier():
    truth = np.arange(10)
    metrics = measure(20 * np.eye(10, dtype=np.float32), truth)
    assert metrics.accuracy == 1
    assert metrics.confusion == np.eye(10, dtype=int).tolist()
    assert metrics.ece == pytest.approx(0, abs=1e-6)
    assert metrics.interval_95 == pytest.approx((0.7225, 1), abs=1e-4)


def test_rows_are_true_classes_and_a_class_without_pictures_has_no_recall():
    logits = np.zeros((2, 10), np.float32)
    logits[:, 3] = 1
    metrics = measure(logits, np.array([3, 5]))
    assert metrics.confusion[5][3] == 1
    assert metrics.per_class["Dress"] == 1
    assert metrics.per_class["Sandal"] == 0
    assert metrics.per_class["Bag"] is None


def test_the_wilson_interval_of_known_figures():
    low, high = wilson_interval(9380, 10_000)
    assert (low, high) == pytest.approx((0.93311, 0.94256), abs=1e-5)
    assert wilson_interval(0, 10)[0] == 0


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    right = np.array([True] * 6 + [False] * 4)
    assert calibration_error(np.full(10, 0.6), right) == pytest.approx(0)
    assert calibration_error(np.full(10, 0.9), right) == pytest.approx(0.3)
    assert calibration_error(np.ones(10), right) == pytest.approx(0.4)


@pytest.mark.slow
def test_the_best_temperature_undoes_overconfidence():
    chance = np.random.default_rng(0)
    honest = chance.normal(size=(20_000, 10)).astype(np.float32)
    truth = np.array([chance.choice(10, p=row) for row in softmax(honest)])
    assert best_temperature(3 * honest, truth) == pytest.approx(3, rel=0.05)


def test_shapes_that_do_not_fit_and_no_pictures_are_refused():
    for logits, truth in ((np.zeros((0, 10)), np.zeros(0)), (np.zeros((2, 9)), np.zeros(2))):
        with pytest.raises(ValueError, match="logits must be"):
            measure(logits.astype(np.float32), truth.astype(np.int64))
