"""The types of findings and the schema of records are one: the same fields, kinds and optionality."""

from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from fashion_pipeline.fashion.findings import (
    Appeared,
    DroppedRange,
    FrameRecord,
    Garment,
    Left,
    Person,
    RecordHead,
    Wears,
    findings_in,
    people_in,
    read_event,
    read_record,
    recorded,
    told,
)
from fashion_pipeline.stages.records.lines import line_of
from fashion_pipeline.stages.records.reference import TABLES, read_schema

SCHEMA = read_schema()["$defs"]
TYPES: dict[str, tuple[type, ...]] = {
    "frame": (FrameRecord,),
    "range": (DroppedRange,),
    "person": (Person,),
    "garment": (Garment,),
    "appeared": (RecordHead, Appeared),
    "wears": (RecordHead, Wears),
    "left": (RecordHead, Left),
}
"""What one line, or part of a line, is made of."""
WORKING_MATERIAL = {"person": {"crops"}, "frame": {"possible_people", "is_unknown"}}
PLAIN = {"integer": int, "number": float, "string": str, "boolean": bool}
WITH_TYPE = {"person": Person, "garment": Garment}


def resolved(described: dict[str, Any]) -> dict[str, Any]:
    reference = described.get("$ref", "").rpartition("/")[2]
    return {**SCHEMA[reference], **described} if reference else described


def type_of(described: dict[str, Any]) -> object:
    """The type in Python of what a property of the schema describes."""
    reference = described.get("$ref", "").rpartition("/")[2]
    if reference in WITH_TYPE:
        return WITH_TYPE[reference]
    whole = resolved(described)
    if "type" not in whole:
        return type(whole["const"]) if "const" in whole else type(whole["enum"][0])
    if whole["type"] == "array":
        return list[type_of(whole["items"])]  # type: ignore[misc]
    if whole["type"] == "object":
        return dict[str, type_of(whole["additionalProperties"])]  # type: ignore[misc]
    return PLAIN[whole["type"]]


def same_kind(hint: object) -> object:
    """A hint, or for some words the type of these."""
    return type(get_args(hint)[0]) if get_origin(hint) is Literal else hint


def test_every_table_of_the_schema_has_its_type() -> None:
    assert TYPES.keys() == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_a_type_has_the_fields_of_its_table(table: str) -> None:
    hints = {name: hint for each in TYPES[table] for name, hint in get_type_hints(each).items()}
    for name in WORKING_MATERIAL.get(table, ()):
        del hints[name]
    described = SCHEMA[table]["properties"]
    assert {name: same_kind(hint) for name, hint in hints.items()} == {
        name: type_of(field) for name, field in described.items()
    }


@pytest.mark.parametrize("table", TABLES)
def test_a_field_is_always_there_in_both_or_in_neither(table: str) -> None:
    required = {name for each in TYPES[table] for name in each.__required_keys__}  # type: ignore[attr-defined]
    assert required == set(SCHEMA[table]["required"])


@pytest.mark.parametrize(
    ("name", "event"), [("appeared", Appeared), ("wears", Wears), ("left", Left)], ids=str
)
def test_the_words_of_an_event_are_those_of_the_schema(name: str, event: type) -> None:
    hints = get_type_hints(event)
    assert get_args(hints["event"]) == (SCHEMA[name]["properties"]["event"]["const"],)
    if "reason" in hints:
        assert list(get_args(hints["reason"])) == SCHEMA[name]["properties"]["reason"]["enum"]


def test_a_packets_meta_is_not_copied() -> None:
    meta: dict[str, Any] = {}
    people = people_in(meta)
    people.append({"box": [0.0, 0.0, 1.0, 2.0], "score": 0.5})
    findings_in(meta)["dropped_boxes"] = 3
    assert meta == {"people": [{"box": [0.0, 0.0, 1.0, 2.0], "score": 0.5}], "dropped_boxes": 3}
    assert people_in(meta) is people


def test_a_record_of_a_person_leaves_out_pictures_and_one_of_what_is_told_the_rest() -> None:
    coat: Garment = {
        "label": "Coat",
        "score": 0.8,
        "threshold": 0.4,
        "color": "red",
        "color_shares": {"red": 1},
    }
    person: Person = {"box": [0, 0, 1, 2], "score": 0.5, "garments": [coat], "unsure": [coat]}
    person["crops"] = {"whole": np.zeros((2, 2), np.uint8)}
    person["tall"] = True  # type: ignore[typeddict-unknown-key]
    assert recorded(person) == {
        **{"box": [0, 0, 1, 2], "score": 0.5, "garments": [coat], "unsure": [coat], "tall": True}
    }
    told_coat = {"label": "Coat", "score": 0.8, "color": "red"}
    assert told(person) == {"box": [0, 0, 1, 2], "score": 0.5, "garments": [told_coat], "tall": True}
    assert "threshold" in coat


def test_what_was_written_is_read() -> None:
    place = {"seq": 3, "pts_ns": 1, "capture_time_ns": 2, "track": 1, "series": 0}
    wears = {"event": "wears", **place, "garments": [{"label": "Coat", "score": 0.8}]}
    assert read_event(line_of(wears)) == wears
    dropped = {"version": 1, "run": "r", "source": "camera", "from_seq": 1, "to_seq": 2, "status": "late"}
    assert read_record(line_of(dropped)) == dropped
    with pytest.raises(ValueError, match="Expecting"):
        read_record("{")
