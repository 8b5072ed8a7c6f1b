"""Types of what is found in a frame, as packets carry it and as lines of results and events record it.

They are plain maps typed for a type checker, so that packets need no conversion: `findings_in` gives a
packet's meta its type, `frame_record` and `read_record` convert to and from a line. The meaning and unit of
each field is in stages/records/schema.json; a test compares the two.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict, cast, final

import numpy as np
from numpy.typing import NDArray

_WORKING_MATERIAL = frozenset({"crops"})
"""Keys of a person that are not results."""
_NOT_OF_A_FRAME = frozenset({"counts", "possible_people", "is_unknown"})
"""Keys of a packet that are for the summary or for other stages."""
_NOT_TOLD = frozenset({"unsure"})
_NOT_OF_TOLD = frozenset({"threshold", "color_shares"})
"""Keys of a person, and of a garment, that are left out where only what is told counts."""


class Garment(TypedDict):
    """A garment that a person wears, or may wear."""

    label: str
    score: float
    region: NotRequired[str]
    box: NotRequired[list[float]]
    threshold: NotRequired[float]
    color: NotRequired[str]
    color_shares: NotRequired[dict[str, float]]


Clothing = tuple[list[Garment], list[Garment]]
"""(garments, unsure) of one person, each surest first."""


class Wearer(TypedDict):
    """A person's number and garments, without their position, as shown on a plate."""

    score: float
    track: NotRequired[int]
    garments: NotRequired[list[Garment]]
    unsure: NotRequired[list[Garment]]
    looks: NotRequired[int]
    settled: NotRequired[bool]


class Person(Wearer):
    """A person found in a frame. With `detected_at_seq` the box is predicted; that is the frame in which the
    detector last found them. `crops` ({region: picture}) is for `classify` and is in no record."""

    box: list[float]
    series: NotRequired[int]
    age_frames: NotRequired[int]
    detected_at_seq: NotRequired[int]
    look: NotRequired[float]
    classified_at_seq: NotRequired[int]
    crops: NotRequired[dict[str, NDArray[np.uint8]]]


class PossiblePerson(TypedDict):
    """Somebody who may be in the frame and is not among its people: found with a low score (`unseen_frames`
    is 0), or found that many frames before the last one that was searched, and not since. The box is where
    they may be now."""

    box: list[float]
    unseen_frames: int


class Findings(TypedDict, total=False):
    """Findings of stages in a frame: a packet's meta. `is_predicted`: people were not looked for in it;
    `is_unknown`: and nothing is known from which to predict them, so that no people means nothing."""

    people: list[Person]
    possible_people: list[PossiblePerson]
    is_predicted: bool
    is_unknown: bool
    dropped_boxes: int
    untracked_people: int
    precision: dict[str, str]
    model: dict[str, str]


class RecordHead(TypedDict):
    """The fields at the head of every line."""

    version: int
    run: str
    source: str


@final
class FrameRecord(RecordHead, Findings):
    """A line for a frame."""

    seq: int
    epoch: int
    attempt: int
    pts_ns: int
    capture_time_ns: int
    uri: str
    size_wh: list[int]
    status: str
    pixel_aspect_ratio: NotRequired[list[int]]
    flags: NotRequired[list[str]]


@final
class DroppedRange(RecordHead):
    """A line for frames that were captured and never sent."""

    from_seq: int
    to_seq: int
    status: str


class EventPlace(TypedDict):
    """The frame with which an event is reported, and the person."""

    seq: int
    pts_ns: int
    capture_time_ns: int
    track: int
    series: int


class Appeared(EventPlace):
    """A person is seen for the first time."""

    event: Literal["appeared"]
    box: NotRequired[list[float]]
    score: NotRequired[float]


class Wears(EventPlace):
    """A person's garments are known for the first time, or have changed."""

    event: Literal["wears"]
    garments: list[Garment]


class Left(EventPlace):
    """A person has not been seen for a while, or the stream has ended."""

    event: Literal["left"]
    reason: Literal["unseen", "eos"]
    first_seq: int
    first_pts_ns: int
    last_seq: int
    last_pts_ns: int


Event = Appeared | Wears | Left
"""Its line begins with a RecordHead."""


def findings_in(plain: dict[str, Any]) -> Findings:
    """Return a packet's meta, or an ordered stage's earlier answer, itself: what is put in stands there."""
    return cast(Findings, plain)


def people_in(plain: dict[str, Any]) -> list[Person]:
    """Return the list of people in a packet's meta, putting in an empty one where there is none."""
    return findings_in(plain).setdefault("people", [])


def in_brief(garment: Garment) -> Garment:
    """Return the essential fields of a garment: label, score, region and colour."""
    brief: Garment = {"label": garment["label"], "score": garment["score"]}
    if "region" in garment:
        brief["region"] = garment["region"]
    if "color" in garment:
        brief["color"] = garment["color"]
    return brief


def recorded(person: Person) -> Person:
    """Return a person as a record has them, fields of a user's own stage included."""
    return cast(Person, _without(person, _WORKING_MATERIAL))


def told(person: Person) -> Person:
    """Return a recorded person without unsure labels, thresholds and colour shares."""
    found = cast(Person, _without(person, _WORKING_MATERIAL | _NOT_TOLD))
    if "garments" in found:
        found["garments"] = [cast(Garment, _without(garment, _NOT_OF_TOLD)) for garment in found["garments"]]
    return found


def frame_record(frame: FrameRecord, found: Mapping[str, Any]) -> FrameRecord:
    """Return a frame's own facts and, behind them, what was found in it. What a stage has found under the
    name of one of them does not take its place."""
    return cast(FrameRecord, {**frame, **_without(found, _NOT_OF_A_FRAME | frame.keys())})


def read_record(line: str) -> FrameRecord | DroppedRange:
    """Parse a line of results. Raises ValueError if it is not JSON."""
    record: FrameRecord | DroppedRange = json.loads(line)
    return record


def read_event(line: str) -> Event:
    """Parse a line of events. Raises ValueError if it is not JSON."""
    event: Event = json.loads(line)
    return event


def _without(found: Mapping[str, object], left_out: frozenset[str]) -> dict[str, object]:
    return {key: value for key, value in found.items() if key not in left_out}
