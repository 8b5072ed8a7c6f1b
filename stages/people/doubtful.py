"""People who may be in a frame although it has no person of theirs: for whoever must not overlook anybody."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from fashion_pipeline.fashion.findings import Person, PossiblePerson
from fashion_pipeline.stages.people.places import Box, inside

MOST = 100
"""Entries kept, the newest."""
SAME_PLACE = 0.3
"""Of two boxes without a number that overlap by more than this, the later one stands for both."""
_NEW_SPEED = 0.3
"""Weight of the latest step in the speed: single steps are mostly the detector's noise."""
_LEAST_SIDE_PX = 1.0


@dataclasses.dataclass
class _Known:
    """Where somebody was found, in pixels of the frame `seq`, and how the box moved, in pixels a frame."""

    box: Box
    seq: int
    speed_xy: tuple[float, float] = (0.0, 0.0)

    def at(self, seq: int) -> Box:
        x, y = (speed * (seq - self.seq) for speed in self.speed_xy)
        return [self.box[0] + x, self.box[1] + y, self.box[2] + x, self.box[3] + y]


class Doubtful:
    """The people of one source found lately, whether they have a track or not.

    Somebody without a track is taken for the same in the next frame by the place alone.
    """

    def __init__(self) -> None:
        self._tracked: dict[int, _Known] = {}
        self._others: list[_Known] = []
        self._searched_seq = 0

    def recall(self, boxes: Sequence[tuple[Box, int]], seq: int) -> None:
        """Take over what an earlier process knew before the frame `seq`: (box, frames since it was seen)."""
        self._searched_seq = seq - 1
        self._others = [_Known(list(box), seq - 1 - unseen) for box, unseen in boxes][-MOST:]

    def see(self, people: Sequence[Person], others: Sequence[Person], seq: int) -> None:
        """Note a frame in which people were looked for: those with a track, and the others found."""
        self._searched_seq = seq
        found = [person["box"] for person in (*people, *others)]
        self._others = [
            known for known in self._others if all(_overlap(known.at(seq), box) < SAME_PLACE for box in found)
        ]
        self._others += [_Known(list(person["box"]), seq) for person in others]
        self._others = sorted(self._others, key=lambda known: known.seq)[-MOST:]
        for person in people:
            number = person["track"]
            self._tracked[number] = _moved(self._tracked.get(number), list(person["box"]), seq)
        newest = sorted(self._tracked.items(), key=lambda item: item[1].seq)[-MOST - len(people) :]
        self._tracked = dict(newest)

    def possible(
        self, people: Sequence[Person], seq: int, size_wh: Sequence[float], *, most_frames: int
    ) -> list[PossiblePerson]:
        """Return who may be in the frame `seq` besides `people`, unseen for at most `most_frames`: from the
        frame in which somebody was found to the last one in which people were looked for."""
        present = {person.get("track") for person in people}
        known = [each for number, each in self._tracked.items() if number not in present]
        answer: list[PossiblePerson] = []
        for each in sorted((*known, *self._others), key=lambda each: each.seq):
            box = [round(edge, 1) for edge in inside(each.at(seq), size_wh)]
            unseen = max(0, self._searched_seq - each.seq)
            if unseen <= most_frames and min(box[2] - box[0], box[3] - box[1]) >= _LEAST_SIDE_PX:
                answer.append({"box": box, "unseen_frames": unseen})
        return answer[-MOST:]


def _moved(known: _Known | None, box: Box, seq: int) -> _Known:
    if known is None or seq <= known.seq:
        return _Known(box, seq)
    frames = seq - known.seq
    step = [
        (box[edge] + box[edge + 2] - known.box[edge] - known.box[edge + 2]) / 2 / frames for edge in (0, 1)
    ]
    x, y = (old * (1 - _NEW_SPEED) + new * _NEW_SPEED for old, new in zip(known.speed_xy, step, strict=True))
    return _Known(box, seq, (x, y))


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the common area of two boxes over their joint area, 0..1."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return wide * high / (sum(areas) - wide * high)
