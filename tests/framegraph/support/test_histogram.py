"""The histogram of durations: right to a tenth, of limited size, added up over processes by its plain form."""

import random

import pytest

from framegraph.support.histogram import CLASSES, Histogram


def test_without_any_duration_there_is_no_quantile() -> None:
    assert Histogram().summary() == {}


@pytest.mark.parametrize("spread", [10.0, 1000.0, 50_000.0])
def test_a_quantile_is_right_to_a_tenth_and_never_too_low(spread: float) -> None:
    numbers = [1 + random.Random(7).random() * spread * (n + 1) / 1000 for n in range(1000)]
    histogram = Histogram()
    for number in numbers:
        histogram.add(number)
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        exact = sorted(numbers)[round(share * 1000) - 1]
        assert exact * 0.999 <= histogram.summary()[name] + 0.05 <= exact * 1.11 + 0.1


def test_it_stays_small_whatever_comes_and_survives_as_plain_values() -> None:
    histogram = Histogram()
    for power in range(-50, 200):
        histogram.add(1.2**power)
    histogram.add(-5.0)
    histogram.add(1e12)
    plain = histogram.to_plain()
    assert len(plain) <= CLASSES
    assert sum(plain.values()) == 252
    assert Histogram(plain).summary() == histogram.summary()
