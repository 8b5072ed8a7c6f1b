"""Typed properties: declared once next to the stage, read from YAML, checked before anything starts.

A stage declares a frozen dataclass whose fields are made by `prop`; the YAML key is the field's name
with hyphens. A value that exists is a valid value, so no later code checks it again.
"""

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, NewType, TypeVar

from framegraph.errors import GraphError

Seconds = NewType("Seconds", float)
"""A span of time; YAML takes a number (seconds) or a number with a unit: `500ms`, `5s`, `2min`, `1h`."""

Bytes = NewType("Bytes", int)
"""An amount of memory; YAML takes a number (bytes) or a number with a unit: `500MB`, `2GiB`."""

OptionsT = TypeVar("OptionsT")

SECONDS_PER_UNIT = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
BYTES_PER_UNIT = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_NUMBER_WITH_UNIT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


class _Required:
    def __repr__(self) -> str:
        return "(required)"


REQUIRED: Any = _Required()


@dataclasses.dataclass(frozen=True, kw_only=True)
class PropertyHelp:
    """The arguments of `prop` other than the default, kept in the field's metadata under "help"."""

    doc: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] | None = None
    pattern: str | None = None
    while_running: bool = False


def prop(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Iterable[str] | None = None,
    pattern: str | None = None,
    while_running: bool = False,
) -> Any:
    """Declare one property of an options dataclass.

    `default` may be REQUIRED. `low` and `high` are inclusive bounds of a number; `choices` are the only
    accepted words; `pattern` is a regular expression that the whole text must match. `while_running`
    properties may be set in a running graph: the code reads them at each use.
    """
    help_ = PropertyHelp(
        doc=doc,
        low=low,
        high=high,
        choices=tuple(choices) if choices else None,
        pattern=pattern,
        while_running=while_running,
    )
    return dataclasses.field(default=default, metadata={"help": help_})


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoOptions:
    """Options of a stage without properties of its own."""


def yaml_key(field_name: str) -> str:
    return field_name.replace("_", "-")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest known word, or a list of the known ones."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known are: {', '.join(known)}" if known else ""


def parse_seconds(value: Any) -> float:
    """Return seconds for a number or a text such as "500ms"; ValueError otherwise."""
    return _parse_unit(value, SECONDS_PER_UNIT, "s", "a time such as 500ms, 5s or 2min")


MAX_INT = 2**63 - 1
"""The largest integer that a message can carry."""
MAX_SHOWN_CHARS = 200


def parse_bytes(value: Any) -> int:
    """Return bytes for a number or a text such as "2GiB"; ValueError otherwise."""
    return int(_parse_unit(value, BYTES_PER_UNIT, "B", "an amount of memory such as 500MB or 2GiB"))


def _parse_unit(value: Any, units: Mapping[str, float], default_unit: str, wanted: str) -> float:
    if isinstance(value, bool):
        raise ValueError(f"expected {wanted}")
    if isinstance(value, (int, float)):
        return _finite(value)
    match = _NUMBER_WITH_UNIT.fullmatch(value) if isinstance(value, str) else None
    if not match or (match[2] or default_unit) not in units:
        raise ValueError(f"expected {wanted}")
    return _finite(float(match[1]) * units[match[2] or default_unit])


def _finite(value: float) -> float:
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise ValueError("expected a finite number")
    return found


def _convert(value: Any, wanted: Any) -> Any:
    """Return `value` as the annotated type, or raise ValueError("expected …")."""
    if isinstance(wanted, types.UnionType) or typing.get_origin(wanted) is typing.Union:
        options = typing.get_args(wanted)
        if value is None and type(None) in options:
            return None
        problems = []
        for option in options:
            if option is type(None):
                continue
            try:
                return _convert(value, option)
            except ValueError as error:
                problems.append(str(error).removeprefix("expected "))
        raise ValueError("expected " + " or ".join(problems))
    if wanted is Seconds:
        return parse_seconds(value)
    if wanted is Bytes:
        return parse_bytes(value)
    if typing.get_origin(wanted) is tuple:
        if not isinstance(value, (list, tuple)):
            raise ValueError("expected a list")
        (element, *_rest) = typing.get_args(wanted)
        return tuple(_convert(item, element) for item in value)
    if wanted is bool:
        if not isinstance(value, bool):
            raise ValueError("expected true or false")
        return value
    if wanted is int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("expected a whole number")
        if abs(value) > MAX_INT:
            raise ValueError(f"expected a whole number of at most {MAX_INT}")
        return value
    if wanted is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("expected a number")
        return _finite(value)
    if wanted is str:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError("expected text")
        if isinstance(value, int) and abs(value) > MAX_INT:
            raise ValueError("expected text; put digits into quotes")
        if "\0" in str(value):
            raise ValueError("expected text without NUL, which no path can hold")
        return str(value)
    raise TypeError(f"property type {wanted!r} is not supported")


def brief(value: Any) -> str:
    """Return a value as an error shows it: shortened, and a huge number by its size in bits."""
    if isinstance(value, int) and abs(value) > MAX_INT:
        return f"a number of {value.bit_length()} bits"
    shown = repr(value)
    return shown if len(shown) <= MAX_SHOWN_CHARS else f"{shown[:MAX_SHOWN_CHARS]}…"


def _check_bounds(value: Any, help_: PropertyHelp) -> None:
    if value is None:
        return
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            if help_.low is not None and item < help_.low:
                raise ValueError(f"must be at least {help_.low:g}")
            if help_.high is not None and item > help_.high:
                raise ValueError(f"must be at most {help_.high:g}")
        if isinstance(item, str):
            if help_.choices is not None and item not in help_.choices:
                raise ValueError("is not known" + nearest(item, help_.choices))
            if help_.pattern is not None and not re.fullmatch(help_.pattern, item):
                raise ValueError(f"must match {help_.pattern}")


def prop_help(options: type, field_name: str) -> PropertyHelp:
    """Return the arguments of `prop` for a field."""
    help_: PropertyHelp = {f.name: f for f in dataclasses.fields(options)}[field_name].metadata["help"]
    return help_


def read_property(options: type, field_name: str, value: Any) -> Any:
    """Return one property's value, converted and checked; ValueError says what is wrong with it."""
    wanted, help_ = typing.get_type_hints(options)[field_name], prop_help(options, field_name)
    if help_.choices and int in typing.get_args(wanted):
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole and value not in help_.choices:
            raise ValueError(f"expected a whole number or {' or '.join(help_.choices)}")
    converted = _convert(value, wanted)
    _check_bounds(converted, help_)
    return converted


def field_names(options: type) -> dict[str, str]:
    """Return {YAML key: field name} of an options dataclass."""
    return {yaml_key(f.name): f.name for f in dataclasses.fields(options)}


def read_options(options: type[OptionsT], values: Mapping[str, Any]) -> OptionsT:
    """Build a checked options object from {YAML key: value}; GraphError names the property.

    For callers without a file position: tests, the test kit and Python code. The YAML reader reports
    the position itself.
    """
    known = field_names(options)
    read = {}
    for key, value in values.items():
        if key not in known:
            raise GraphError(f"unknown property '{key}'{nearest(key, known)}")
        try:
            read[known[key]] = read_property(options, known[key], value)
        except ValueError as error:
            raise GraphError(f"property '{key}': {error}, got {brief(value)}") from None
    for key, name in known.items():
        field = {f.name: f for f in dataclasses.fields(options)}[name]  # type: ignore[arg-type]
        if field.default is REQUIRED and name not in read:
            raise GraphError(f"property '{key}' is missing; set it")
    return options(**read)
