"""Whether a parsed line of results has what an export reads of it, with the types of the schema."""

import math
from typing import Any

from framegraph.graph.reader import STAGE_NAME

VERSION = 1
_LARGEST = 2**63 - 1


class WrongError(ValueError):
    """What is wrong with a line: the field, what was found, what was expected."""


def check_line(record: Any) -> None:
    """Raise WrongError if it is not a record of a frame or of a dropped range."""
    _need(isinstance(record, dict), "the line", "a JSON object", record)
    if "event" in record:
        raise WrongError("the line is one of events")
    _need(record.get("version") == VERSION, "version", str(VERSION), record.get("version"))
    for name in ("run", "source", "status"):
        _need(isinstance(record.get(name), str), name, "text", record.get(name))
    # It becomes part of the names of files.
    is_name = STAGE_NAME.fullmatch(record["source"])
    _need(bool(is_name), "source", "a name of letters, digits, _ and -", record["source"])
    if "seq" not in record:
        for name in ("from_seq", "to_seq"):
            _need(_is_count(record.get(name)), name, "a whole number", record.get(name))
        return
    for name in ("seq", "epoch"):
        _need(_is_count(record.get(name)), name, "a whole number", record.get(name))
    for name in ("pts_ns", "capture_time_ns"):
        _need(_is_whole(record.get(name)), name, "a whole number", record.get(name))
    _need(isinstance(record.get("uri"), str), "uri", "text", record.get("uri"))
    _need(_is_pair(record.get("size_wh")), "size_wh", "[width, height]", record.get("size_wh"))
    if "pixel_aspect_ratio" in record:
        ratio = record["pixel_aspect_ratio"]
        _need(_is_pair(ratio), "pixel_aspect_ratio", "two whole numbers", ratio)
    flags = record.get("flags", [])
    _need(isinstance(flags, list) and all(isinstance(each, str) for each in flags), "flags", "texts", flags)
    people = record.get("people", [])
    _need(isinstance(people, list), "people", "a list", people)
    for number, person in enumerate(people):
        _check_person(person, f"people[{number}]")


def _check_person(person: Any, where: str) -> None:
    _need(isinstance(person, dict), where, "a map", person)
    _check_box(person.get("box"), f"{where}.box")
    _need(_is_number(person.get("score")), f"{where}.score", "a number", person.get("score"))
    for name in ("track", "series", "age_frames", "detected_at_seq", "looks"):
        if name in person:
            _need(_is_count(person[name]), f"{where}.{name}", "a whole number", person[name])
    if "settled" in person:
        _need(isinstance(person["settled"], bool), f"{where}.settled", "true or false", person["settled"])
    for name in ("garments", "unsure"):
        garments = person.get(name, [])
        _need(isinstance(garments, list), f"{where}.{name}", "a list", garments)
        for number, garment in enumerate(garments):
            _check_garment(garment, f"{where}.{name}[{number}]")


def _check_garment(garment: Any, where: str) -> None:
    _need(isinstance(garment, dict), where, "a map", garment)
    _need(isinstance(garment.get("label"), str), f"{where}.label", "text", garment.get("label"))
    _need(_is_number(garment.get("score")), f"{where}.score", "a number", garment.get("score"))
    for name in ("region", "color"):
        if name in garment:
            _need(isinstance(garment[name], str), f"{where}.{name}", "text", garment[name])
    if "threshold" in garment:
        _need(_is_number(garment["threshold"]), f"{where}.threshold", "a number", garment["threshold"])
    shares = garment.get("color_shares", {})
    is_shares = isinstance(shares, dict) and all(map(_is_number, shares.values()))
    _need(is_shares, f"{where}.color_shares", "numbers by colour", shares)
    if "box" in garment:
        _check_box(garment["box"], f"{where}.box")


def _check_box(box: Any, where: str) -> None:
    is_box = isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))
    _need(is_box and box[0] <= box[2] and box[1] <= box[3], where, "[x0, y0, x1, y1]", box)


def _need(is_right: bool, field: str, expected: str, found: Any) -> None:
    if not is_right:
        raise WrongError(f"{field}: expected {expected}, found {str(found)[:80]!r}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _is_count(value: Any) -> bool:
    return _is_whole(value) and value >= 0


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_count(each) and each > 0 for each in value)
