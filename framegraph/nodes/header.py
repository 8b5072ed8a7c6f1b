"""The part of a packet that a stage may not change."""

from __future__ import annotations

import copy
import logging
import operator
from collections.abc import Sequence
from typing import Any

from framegraph.packet import Packet

_FIELDS = (
    *("source", "seq", "prev_seq", "floor_seq", "stream", "epoch", "attempt", "alone"),
    *("pts_ns", "running_ns", "duration_ns", "capture_time_ns", "clock_ns"),
    *("uri", "size_wh", "pixel_aspect_ratio", "status"),
)
_LISTS = ("flags", "dropped", "highest_ids")
_values_of = operator.attrgetter(*_FIELDS)
_lists_of = operator.attrgetter(*_LISTS)


class Header:
    """The fields of a packet that give its place in its stream."""

    __slots__ = ("lists", "values")

    def __init__(self, values: tuple[Any, ...], lists: tuple[Any, ...]) -> None:
        self.values, self.lists = values, lists

    @classmethod
    def of(cls, packet: Packet) -> Header:
        """Save the fields before a stage is given the packet."""
        lists = _lists_of(packet)
        # Mostly all three are empty, and then need no copy.
        return cls(_values_of(packet), copy.deepcopy(lists) if any(lists) else ([], [], {}))

    def put_back(self, packet: Packet) -> list[str]:
        """Restore a packet's header; return the names of the fields that had been changed."""
        if _values_of(packet) == self.values and _lists_of(packet) == self.lists:
            return []
        changed = []
        for names, values in ((_FIELDS, self.values), (_LISTS, self.lists)):
            for name, value in zip(names, values, strict=True):
                if getattr(packet, name) != value:
                    setattr(packet, name, value)
                    changed.append(name)
        return changed


def given_back(headers: Sequence[Header], packets: Sequence[Packet], answers: Sequence[Packet]) -> None:
    """Check that a stage has answered each packet, in this order, and restore the headers.

    Raises ValueError for a wrong number of answers, another order, or something that is not a packet.
    """
    known = {id(packet): place for place, packet in enumerate(packets)}
    keys = [header.values[:2] for header in headers]
    is_sound = len(answers) == len(packets) and all(
        isinstance(answer, Packet) and known.get(id(answer), place) == place
        for place, answer in enumerate(answers)
    )
    # A packet that the stage has made itself must name its frame.
    is_sound = is_sound and all(
        id(answer) in known or answer.key == key for answer, key in zip(answers, keys, strict=True)
    )
    if not is_sound:
        raise ValueError(f"the stage must answer {keys} in this order, it answered otherwise")
    for header, answer in zip(headers, answers, strict=True):
        changed = header.put_back(answer)
        if changed:
            logging.getLogger("framegraph").debug(
                "frame %d of %s: the stage changed %s, which is the machine's: taken back",
                answer.seq,
                answer.source,
                ", ".join(changed),
            )
