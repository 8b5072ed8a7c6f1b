"""Histograms of durations in classes of 10 %, which is the accuracy of a quantile."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

FIRST_MS = 1.0
GROWTH = 1.1
CLASSES = 146
"""Up to 10^6 ms, a quarter of an hour; longer durations count as that."""


class Histogram:
    """Durations in milliseconds. Its size has a limit; two of them can be added."""

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self._counts: Counter[int] = Counter({int(key): count for key, count in (counts or {}).items()})

    def add(self, duration_ms: float) -> None:
        """Count one duration; a negative one, after the clock was set back, counts as the shortest."""
        place = math.ceil(math.log(max(duration_ms, FIRST_MS) / FIRST_MS, GROWTH))
        self._counts[min(place, CLASSES - 1)] += 1

    def quantile_ms(self, share: float) -> float | None:
        """Return the upper edge of the class that contains the quantile `share`; None without durations."""
        wanted = share * self._counts.total()
        reached = 0
        for place in sorted(self._counts):
            reached += self._counts[place]
            if reached >= wanted:
                return float(FIRST_MS * GROWTH**place)
        return None

    def summary(self) -> dict[str, float]:
        """Return p50, p95 and p99 in milliseconds; {} without durations."""
        found = {f"p{percent}": self.quantile_ms(percent / 100) for percent in (50, 95, 99)}
        return {name: round(value, 1) for name, value in found.items() if value is not None}

    def to_plain(self) -> dict[str, int]:
        return {str(place): count for place, count in self._counts.items()}
