"""The people on a contact sheet: the best view of each of a limited number of people, without pictures."""

import dataclasses

BETTER = 1.1
"""A new view of a person must be better by this factor; otherwise each frame of an approach would be kept."""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A view of a person that may get a place. `track` is the track number, -1 for none."""

    track: int
    time_s: float
    value: float


class Gallery:
    """Keeps the best view of each of up to `size` people.

    Equal tracks are one person. Without tracks, views nearer in time than `spacing_s` count as one person, so
    that the sheet shows different moments.
    """

    def __init__(self, size: int, spacing_s: float) -> None:
        self._size = size
        self._spacing_s = spacing_s
        self.looks: list[Candidate] = []

    def place_for(self, look: Candidate) -> int | None:
        """Return the place that a view should take, or None if it is not good enough for any."""
        same = [place for place, other in enumerate(self.looks) if self._is_same_person(look, other)]
        if same:
            best = max(same, key=self._value)
            return best if look.value > BETTER * self._value(best) else None
        if len(self.looks) < self._size:
            return len(self.looks)
        worst = min(range(self._size), key=self._value)
        return worst if look.value > BETTER * self._value(worst) else None

    def place_of(self, track: int) -> int | None:
        """Return the place of the person with this track, or None."""
        if track < 0:
            return None
        return next((place for place, other in enumerate(self.looks) if other.track == track), None)

    def put(self, place: int, look: Candidate) -> None:
        """Put a view into the place that `place_for` returned."""
        if place == len(self.looks):
            self.looks.append(look)
        else:
            self.looks[place] = look

    def _is_same_person(self, look: Candidate, other: Candidate) -> bool:
        if look.track >= 0 or other.track >= 0:
            return look.track == other.track
        return abs(look.time_s - other.time_s) < self._spacing_s

    def _value(self, place: int) -> float:
        return self.looks[place].value
