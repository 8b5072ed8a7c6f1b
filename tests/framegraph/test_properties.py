"""Typed properties: a value that exists is a valid value."""

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framegraph.errors import GraphError
from framegraph.graph.common import COMMON
from framegraph.properties import (
    REQUIRED,
    Bytes,
    Seconds,
    nearest,
    parse_bytes,
    parse_seconds,
    prop,
    read_options,
    yaml_key,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    location: str = prop(REQUIRED, "where")
    count: int = prop(1, "how many", low=1, high=10)
    share: float = prop(0.5, "how much", low=0, high=1)
    is_loud: bool = prop(False, "whether")
    start: Seconds | None = prop(None, "when", low=0)
    limit: Bytes = prop(0, "memory", low=0)
    mode: str = prop("fast", "how", choices=["fast", "slow", "slower"])
    device: str = prop("cpu", "on what", pattern=r"cpu|cuda:[0-9]+")
    size_wh: tuple[int, ...] = prop((1, 1), "size", low=1)


def read(**values: Any) -> Options:
    given = {yaml_key(name): value for name, value in values.items()}
    return read_options(Options, {"location": "out", **given})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param(0, 0.0, id="zero"),
        pytest.param(3, 3.0, id="a number"),
        pytest.param(0.5, 0.5, id="a fraction"),
        pytest.param("7", 7.0, id="a number as text"),
        pytest.param("500ms", 0.5, id="milliseconds"),
        pytest.param("250us", 0.00025, id="microseconds"),
        pytest.param("5s", 5.0, id="seconds"),
        pytest.param("1.5 min", 90.0, id="minutes"),
        pytest.param("2h", 7200.0, id="hours"),
    ],
)
def test_a_time_has_a_unit_or_is_in_seconds(text: Any, seconds: float) -> None:
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        pytest.param(17, 17, id="a number"),
        pytest.param("1B", 1, id="bytes"),
        pytest.param("1kB", 1000, id="kilobytes"),
        pytest.param("500MB", 500_000_000, id="megabytes"),
        pytest.param("1.5KiB", 1536, id="kibibytes"),
        pytest.param("2 GiB", 2**31, id="gibibytes"),
    ],
)
def test_an_amount_of_memory_has_a_unit_or_is_in_bytes(text: Any, amount: int) -> None:
    assert parse_bytes(text) == amount


@pytest.mark.parametrize(
    "value", ["", "s", "5 years", "-1s", "1e3", "1,5s", "0x10", True, None, [], "5s5", "٣s", float("nan")]
)
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_seconds(value)


@given(st.one_of(st.text(), st.floats(), st.integers(), st.none(), st.booleans(), st.lists(st.integers())))
def test_any_value_is_a_finite_time_or_refused(value: Any) -> None:
    try:
        seconds = parse_seconds(value)
    except ValueError:
        return
    assert math.isfinite(seconds)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"count": 0}, "property 'count': must be at least 1, got 0", id="below"),
        pytest.param({"count": 11}, "property 'count': must be at most 10, got 11", id="above"),
        pytest.param(
            {"count": 10**30},
            "property 'count': expected a whole number of at most 9223372036854775807, got a number of 100 bits",
            id="far above",
        ),
        pytest.param({"count": 1.0}, "property 'count': expected a whole number, got 1.0", id="with a point"),
        pytest.param({"count": True}, "property 'count': expected a whole number, got True", id="true"),
        pytest.param({"count": "2"}, "property 'count': expected a whole number, got '2'", id="as text"),
        pytest.param({"count": None}, "property 'count': expected a whole number, got None", id="nothing"),
        pytest.param({"share": "half"}, "property 'share': expected a number, got 'half'", id="a word"),
        pytest.param({"share": -0.1}, "property 'share': must be at least 0, got -0.1", id="negative"),
        pytest.param(
            {"share": float("nan")}, "property 'share': expected a finite number, got nan", id="not a number"
        ),
        pytest.param(
            {"start": float("inf")}, "property 'start': expected a finite number, got inf", id="infinite"
        ),
        pytest.param({"is_loud": 1}, "property 'is-loud': expected true or false, got 1", id="1 for true"),
        pytest.param(
            {"is_loud": "yes"}, "property 'is-loud': expected true or false, got 'yes'", id="yes as text"
        ),
        pytest.param(
            {"start": "soon"},
            "property 'start': expected a time such as 500ms, 5s or 2min, got 'soon'",
            id="no time",
        ),
        pytest.param(
            {"limit": "much"},
            "property 'limit': expected an amount of memory such as 500MB or 2GiB, got 'much'",
            id="no amount",
        ),
        pytest.param(
            {"mode": "slwo"},
            "property 'mode': is not known; did you mean 'slow'?, got 'slwo'",
            id="nearest word",
        ),
        pytest.param(
            {"mode": "xyz"},
            "property 'mode': is not known; known are: fast, slow, slower, got 'xyz'",
            id="no near word",
        ),
        pytest.param(
            {"device": "gpu"}, "property 'device': must match cpu|cuda:[0-9]+, got 'gpu'", id="pattern"
        ),
        pytest.param({"size_wh": 5}, "property 'size-wh': expected a list, got 5", id="no list"),
        pytest.param(
            {"size_wh": [1, 0]}, "property 'size-wh': must be at least 1, got [1, 0]", id="in a list"
        ),
        pytest.param(
            {"size_wh": [1, "a"]}, "property 'size-wh': expected a whole number, got [1, 'a']", id="list item"
        ),
        pytest.param({"location": [1]}, "property 'location': expected text, got [1]", id="list for text"),
        pytest.param(
            {"coutn": 1}, "unknown property 'coutn'; did you mean 'count'?", id="unknown and near one"
        ),
    ],
)
def test_a_wrong_value_is_refused_with_name_reason_and_value(values: dict[str, Any], said: str) -> None:
    with pytest.raises(GraphError) as caught:
        read(**values)
    assert str(caught.value) == said


def test_bounds_are_inclusive_and_defaults_stand() -> None:
    options = read(count=10, share=0, start="0s", size_wh=[1, 2])
    assert options == Options(location="out", count=10, share=0.0, start=Seconds(0.0), size_wh=(1, 2))
    assert read().start is None
    assert read(start=None).start is None


def test_a_number_may_be_text() -> None:
    assert read(location=2026).location == "2026"


def test_a_missing_property_is_named() -> None:
    with pytest.raises(GraphError, match=r"^property 'location' is missing; set it$"):
        read_options(Options, {})


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        pytest.param("detct", ["crop", "detect"], "; did you mean 'detect'?", id="near"),
        pytest.param("zzz", ["crop", "detect"], "; known are: crop, detect", id="far"),
        pytest.param("zzz", [], "", id="nothing known"),
    ],
)
def test_the_nearest_word_is_offered(word: str, known: list[str], said: str) -> None:
    assert nearest(word, known) == said


@pytest.mark.parametrize("kind", COMMON)
def test_common_properties_are_described_and_their_defaults_are_valid(kind: str) -> None:
    for field in dataclasses.fields(COMMON[kind]):
        help_ = field.metadata["help"]
        assert help_.doc.endswith((".", "never.")), field.name
        read_options(COMMON[kind], {yaml_key(field.name): field.default})


@pytest.mark.parametrize("kind", COMMON)
def test_a_whole_number_of_a_common_property_fits_into_a_message(kind: str) -> None:
    # What is told to a process travels in msgpack, whose numbers have 64 bits.
    for field in dataclasses.fields(COMMON[kind]):
        if type(field.default) is int:
            with pytest.raises(GraphError):
                read_options(COMMON[kind], {yaml_key(field.name): 2**64})


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (float, 1 << 20_000, "expected a finite number"),
        (int, 1 << 20_000, "expected a whole number of at most 9223372036854775807"),
        (str, 1 << 20_000, "expected text; put digits into quotes"),
        (Seconds, 1 << 20_000, "expected a finite number"),
        (Bytes, 1 << 20_000, "expected a finite number"),
    ],
    ids=["float", "int", "text", "time", "memory"],
)
def test_a_number_that_no_machine_has_is_refused_in_few_words(kind: Any, value: Any, said: str) -> None:
    options = dataclasses.make_dataclass(
        "Options", [("rate", kind, prop(REQUIRED, "It."))], frozen=True, kw_only=True
    )
    with pytest.raises(GraphError) as caught:
        read_options(options, {"rate": value})
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200
