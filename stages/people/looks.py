"""The choice of people to classify in a frame: decisions only, no picture and no clock."""

from __future__ import annotations

import dataclasses

PROMISE_S = 5.0
"""A wait of this length counts as much as a view that is twice as good."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    """When a look is worth its cost.

    looks: the number that settles a person. spacing_s: least time between two looks, because neighbouring
    frames show the same. better: a view this many times as good as the best so far is worth a look. again_s:
    after this long, clothes may have changed. most: looks in one frame.
    """

    looks: int
    spacing_s: float
    better: float
    again_s: float
    most: int


@dataclasses.dataclass
class Seen:
    """The looks at a person so far."""

    first_seq: int
    looks: int = 0
    last_look_s: float = 0.0
    best_quality: float = 0.0

    def looked(self, quality: float, time_s: float) -> None:
        """Note a look."""
        self.looks += 1
        self.last_look_s = time_s
        self.best_quality = max(self.best_quality, quality)


def wants(seen: Seen, quality: float, policy: Policy, time_s: float) -> bool:
    """Return whether a look is worthwhile: a new or unsettled person, a clearly better view, a long time."""
    if seen.looks == 0:
        return True
    if time_s - seen.last_look_s < policy.spacing_s - 1e-6:
        return False
    return (
        seen.looks < policy.looks
        or quality >= policy.better * seen.best_quality
        or time_s - seen.last_look_s >= policy.again_s
    )


def choose(wishes: list[tuple[Seen, float]], policy: Policy, time_s: float) -> list[int]:
    """Return the indices of the (person, quality) pairs of a frame to classify, `policy.most` at most.

    People without a look come first, then those with the fewest looks, then the best views; waiting counts.
    """
    wanted = [place for place, (seen, quality) in enumerate(wishes) if wants(seen, quality, policy, time_s)]

    def rank(place: int) -> tuple[int, float]:
        seen, quality = wishes[place]
        waited_s = time_s - seen.last_look_s if seen.looks else 0.0
        return min(seen.looks, policy.looks), -quality * (1 + waited_s / PROMISE_S)

    return sorted(sorted(wanted, key=rank)[: policy.most])
