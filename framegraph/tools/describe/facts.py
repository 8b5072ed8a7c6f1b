"""Facts about stage types, in words: the only place that reads their declarations."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from pathlib import Path
from typing import Any

from framegraph.graph.common import COMMON
from framegraph.graph.registry import find_stage, kind_of, known_types
from framegraph.properties import REQUIRED, Bytes, PropertyHelp, Seconds, yaml_key
from framegraph.stage import Stage

KINDS = ("source", "worker", "ordered", "sink", "leaky")
_TYPE_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Seconds: "time",
    Bytes: "memory",
    type(None): "nothing",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Property:
    """One declared property. `hint` is its annotation; `default` may be REQUIRED."""

    key: str
    hint: Any
    default: Any
    help: PropertyHelp

    @property
    def is_required(self) -> bool:
        return self.default is REQUIRED

    @property
    def type_words(self) -> str:
        return _type_words(self.hint)

    @property
    def default_words(self) -> str:
        if self.is_required:
            return "required"
        return _value_words(self.default, self.hint)

    @property
    def range_words(self) -> str:
        """Return the limits beyond the type: words, bounds or pattern; empty when there are none."""
        limits = self.help
        if limits.choices is not None:
            return "one of " + ", ".join(limits.choices)
        if limits.pattern is not None:
            return f"matches {limits.pattern}"
        unit = " s" if Seconds in hints_of(self.hint) else ""
        if limits.low is not None and limits.high is not None:
            return f"{_number(limits.low)} to {_number(limits.high)}{unit}"
        if limits.low is not None:
            return f"at least {_number(limits.low)}{unit}"
        return f"at most {_number(limits.high)}{unit}" if limits.high is not None else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageFacts:
    """One stage type, as shown by `inspect`, the schema and the reference."""

    type_name: str
    stage: type[Stage[Any]]
    kind: str
    own: tuple[Property, ...]
    common: tuple[Property, ...]

    @property
    def text(self) -> str:
        """The docstring of the stage itself; empty when it has none (never that of its base class)."""
        return inspect.cleandoc(self.stage.__dict__.get("__doc__") or "")

    @property
    def summary(self) -> str:
        """Its first sentence, on one line."""
        return " ".join(self.text.partition("\n\n")[0].split())

    @property
    def module(self) -> str:
        return f"{self.stage.__module__}.{self.stage.__qualname__}"


def facts_of(type_name: str, folder: Path) -> StageFacts:
    """Return what a stage type declares; GraphError when there is no such type."""
    stage = find_stage(type_name, folder)
    kind = kind_of(stage)
    return StageFacts(
        type_name=type_name,
        stage=stage,
        kind=kind,
        own=properties_of(stage.Options),
        common=properties_of(COMMON[kind]),
    )


def all_facts() -> list[StageFacts]:
    """Return the stage types that come with the project, sources first, sinks last."""
    found = [facts_of(name, Path.cwd()) for name in known_types()]
    return sorted(found, key=lambda facts: (KINDS.index(facts.kind), facts.type_name))


def properties_of(options: type) -> tuple[Property, ...]:
    """Return the properties of an options dataclass in the order in which they are declared."""
    hints = typing.get_type_hints(options)
    return tuple(
        Property(
            key=yaml_key(field.name),
            hint=hints[field.name],
            default=field.default,
            help=field.metadata["help"],
        )
        for field in dataclasses.fields(options)
    )


def hints_of(hint: Any) -> tuple[Any, ...]:
    """Return the types that a property takes: the parts of a union, or the one."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return typing.get_args(hint)
    return (hint,)


def _type_words(hint: Any) -> str:
    words = []
    for part in hints_of(hint):
        if typing.get_origin(part) is tuple:
            words.append(f"list of {_type_words(typing.get_args(part)[0])}")
        else:
            words.append(_TYPE_WORDS[part])
    return " or ".join(words)


def _value_words(value: Any, hint: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value_words(item, type(item)) for item in value)}]"
    if isinstance(value, (int, float)):
        return _number(value) + (" s" if Seconds in hints_of(hint) and value else "")
    return value or '""'


def _number(value: float) -> str:
    """Write whole numbers in full: 2**50 as 1e+15 would be another number."""
    return str(int(value)) if float(value).is_integer() else f"{value:g}"
