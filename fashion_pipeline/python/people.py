"""Who was seen: one entry for each person, from the records as they pass."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(kw_only=True)
class PersonSeen:
    """A person: their number in their source, first and last sight, and what they wear.

    `garments` is the newest answer, once `settled` the newest settled one. Times are those of the input, in
    nanoseconds.
    """

    source: str
    track: int
    first_seq: int
    first_pts_ns: int
    last_seq: int = -1
    last_pts_ns: int = -1
    frames: int = 0
    settled: bool = False
    garments: list[dict[str, Any]] = dataclasses.field(default_factory=list)


class People:
    """Everybody with a number, in the order of first sight."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], PersonSeen] = {}

    def see(self, record: Mapping[str, Any]) -> None:
        """Take note of a record's people."""
        for person in record.get("people", ()):
            if "track" not in person:
                continue
            key = record["source"], person["track"]
            seen = self._known.get(key)
            if seen is None:
                seen = self._known[key] = PersonSeen(
                    source=key[0], track=key[1], first_seq=record["seq"], first_pts_ns=record["pts_ns"]
                )
            seen.last_seq, seen.last_pts_ns = record["seq"], record["pts_ns"]
            seen.frames += 1
            is_settled = bool(person.get("settled"))
            if "garments" in person and (is_settled or not seen.settled):
                seen.garments = person["garments"]
            seen.settled = seen.settled or is_settled

    def __iter__(self) -> Any:
        return iter(self._known.values())
