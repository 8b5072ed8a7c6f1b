"""Who is present, frame by frame, and which changes are events: decisions only, no clock, file or socket."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from fashion_pipeline.fashion.findings import (
    Appeared,
    Event,
    EventPlace,
    Left,
    Person,
    Wears,
    in_brief,
    people_in,
)
from framegraph.errors import StageError
from framegraph.packet import Packet

Worn = list[list[str]]
"""[label, region] of each garment, sorted, so that two views of the same clothes are equal."""


@dataclasses.dataclass
class _Present:
    """A person who is present. `first` and `last` are (seq, pts_ns) of frames in which they were found."""

    series: int
    first: list[int]
    last: list[int]
    missing_since_ns: int | None = None
    told: Worn | None = None
    candidate: Worn | None = None
    candidate_since_ns: int = 0


class Presence:
    """Turns the people of analysed frames into events "appeared", "wears" and "left".

    It is given analysed frames only: a person can be missing in a frame that was searched, never in one that
    was not. Its whole state is plain values, so that a successor can continue with it.
    """

    def __init__(self, *, leave_after_s: float, steady_s: float) -> None:
        self._leave_after_ns = round(leave_after_s * 1e9)
        self._steady_ns = round(steady_s * 1e9)
        self._people: dict[int, _Present] = {}
        self._frame: list[int] = [-1, 0, 0]

    def see(self, packet: Packet) -> list[Event]:
        """Return the events of an analysed frame, in a fixed order. Raises StageError without tracks."""
        events: list[Event] = []
        present = set()
        self._frame = [packet.seq, packet.pts_ns, packet.capture_time_ns]
        for person in people_in(packet.meta):
            number = person.get("track")
            if number is None:
                raise StageError("its people have no 'track'; put a stage of type track before events_sink")
            present.add(number)
            known = self._people.get(number)
            if known is None:
                first = [packet.seq, packet.pts_ns]
                known = self._people[number] = _Present(int(person.get("series", 0)), first, first)
                events.append(self._appear(number, known, person))
            known.missing_since_ns = None
            if "detected_at_seq" not in person:
                known.last = [packet.seq, packet.pts_ns]
            if self._has_changed(known, worn_by(person), packet.running_ns):
                garments = [in_brief(garment) for garment in person["garments"]]
                wears: Wears = {"event": "wears", **self._place(number, known), "garments": garments}
                events.append(wears)
        for number in sorted(self._people.keys() - present):
            known = self._people[number]
            if known.missing_since_ns is None:
                known.missing_since_ns = packet.running_ns
            if packet.running_ns - known.missing_since_ns >= self._leave_after_ns:
                events.append(self._leave(number, "unseen"))
        return events

    def end(self) -> list[Event]:
        """Return the events at the end of the stream: everybody leaves."""
        return [self._leave(number, "eos") for number in sorted(self._people)]

    def _has_changed(self, known: _Present, worn: Worn | None, now_ns: int) -> bool:
        """Return whether a person's garments are known by now, and differ from those reported."""
        if worn is None:
            return False
        if worn == known.told or (known.told is None and not worn):
            known.candidate = None
            return False
        if worn != known.candidate:
            known.candidate, known.candidate_since_ns = worn, now_ns
        if now_ns - known.candidate_since_ns < self._steady_ns:
            return False
        known.told, known.candidate = worn, None
        return True

    def _appear(self, number: int, known: _Present, person: Person) -> Appeared:
        seq, pts_ns, capture_time_ns = self._frame
        event: Appeared = {
            "event": "appeared",
            "seq": seq,
            "pts_ns": pts_ns,
            "capture_time_ns": capture_time_ns,
            "track": number,
            "series": known.series,
        }
        if "box" in person:
            event["box"] = person["box"]
        if "score" in person:
            event["score"] = person["score"]
        return event

    def _leave(self, number: int, reason: Literal["unseen", "eos"]) -> Left:
        known = self._people.pop(number)
        return {
            "event": "left",
            **self._place(number, known),
            "reason": reason,
            "first_seq": known.first[0],
            "first_pts_ns": known.first[1],
            "last_seq": known.last[0],
            "last_pts_ns": known.last[1],
        }

    def _place(self, number: int, known: _Present) -> EventPlace:
        seq, pts_ns, capture_time_ns = self._frame
        return {
            "seq": seq,
            "pts_ns": pts_ns,
            "capture_time_ns": capture_time_ns,
            "track": number,
            "series": known.series,
        }

    def to_plain(self) -> dict[str, Any]:
        people = [[number, dataclasses.asdict(person)] for number, person in self._people.items()]
        return {"frame": self._frame, "people": people}

    def restore(self, plain: dict[str, Any]) -> None:
        """Continue with the state that `to_plain` returned."""
        self._frame = plain["frame"]
        self._people = {number: _Present(**person) for number, person in plain["people"]}


def worn_by(person: Person) -> Worn | None:
    """Return what a person wears, or None while that is not known.

    A stage that settles it says when ("settled"); without one, a frame without a look says nothing.
    """
    garments = person.get("garments")
    if garments is None or not person.get("settled", bool(garments)):
        return None
    return sorted([str(garment["label"]), str(garment.get("region", ""))] for garment in garments)
