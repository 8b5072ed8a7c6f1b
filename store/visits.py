"""Who is before one camera, and since when: decisions only, without a database, file or clock."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from fashion_pipeline.fashion.findings import Garment, Person

MINUTE_NS = 60_000_000_000
LEAVE_AFTER_NS = 5_000_000_000
"""A person who was not seen for this long is over; seen again under the same number, the visit goes on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moment:
    """A frame's times in nanoseconds: on the stream's clock, and in its film."""

    clock_ns: int
    pts_ns: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Worn:
    """A garment as last known; `is_told` is False for one that is possible and not told."""

    label: str
    region: str
    color: str
    is_told: bool
    probability: float


@dataclasses.dataclass(kw_only=True)
class Visit:
    """One person's visit, as far as this object has seen it: what an earlier one wrote is added to.

    `frames` counts since the last commit.
    """

    track: int
    first: Moment
    last: Moment
    frames: int = 0
    worn: tuple[Worn, ...] = ()
    is_worn_new: bool = False
    view: tuple[float, bytes] | None = None
    """The best view since the last commit: its quality, and the JPEG."""
    best_quality: float = 0.0
    is_over: bool = False
    id: int | None = None
    """Of its row, once that is known."""


class Visits:
    """The visits of one stream: of people who are there, and those that changed since the last commit."""

    def __init__(self, present: Iterable[Visit] = ()) -> None:
        """present: those who were there when an earlier process committed last."""
        self._present = {visit.track: visit for visit in present}
        self._changed: dict[int, Visit] = {}

    def see(self, person: Person, at: Moment) -> Visit | None:
        """Note a person in an analysed frame; return their visit, None for one without a track."""
        track = person.get("track")
        if track is None:
            return None
        # One who has gone since the last commit is not written yet.
        visit = self._present.get(track) or self._changed.get(track)
        if visit is None:
            visit = Visit(track=track, first=at, last=at)
        self._present[track] = visit
        visit.is_over = False
        visit.last = at
        visit.frames += 1
        self._changed[track] = visit
        if "garments" in person:
            worn = worn_by(person)
            if worn != visit.worn:
                visit.worn, visit.is_worn_new = worn, True
        return visit

    def leave(self, at: Moment) -> None:
        """Let those go who were not seen for LEAVE_AFTER_NS."""
        gone = [
            visit for visit in self._present.values() if at.clock_ns - visit.last.clock_ns > LEAVE_AFTER_NS
        ]
        for visit in gone:
            visit.is_over = True
            self._changed[visit.track] = self._present.pop(visit.track)

    @property
    def changed(self) -> list[Visit]:
        return list(self._changed.values())

    def committed(self) -> None:
        """Forget what had changed: it is written."""
        for visit in self._changed.values():
            visit.frames, visit.is_worn_new, visit.view = 0, False, None
        self._changed.clear()


def worn_by(person: Person) -> tuple[Worn, ...]:
    """Return what a person wears, and may wear; of two garments with one label the likelier."""
    found: dict[str, Worn] = {}
    for is_told, garments in ((True, person.get("garments", [])), (False, person.get("unsure", []))):
        for garment in garments:
            worn = _worn(garment, is_told=is_told)
            if worn.label not in found or worn.probability > found[worn.label].probability:
                found.setdefault(worn.label, worn)
    return tuple(found.values())


def _worn(garment: Garment, *, is_told: bool) -> Worn:
    return Worn(
        label=garment["label"],
        region=garment.get("region", ""),
        color=garment.get("color", ""),
        is_told=is_told,
        probability=round(float(garment["score"]), 4),
    )


def ends(begin_ns: int, end_ns: int) -> dict[int, int]:
    """Return {minute: nanoseconds in it} for the first and the last minute of a stretch of time."""
    first, last = begin_ns // MINUTE_NS, end_ns // MINUTE_NS
    if first == last:
        return {first: end_ns - begin_ns}
    return {first: (first + 1) * MINUTE_NS - begin_ns, last: end_ns - last * MINUTE_NS}
