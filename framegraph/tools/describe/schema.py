"""`launcher.py schema`: the JSON Schema of pipeline.yaml, so that editors complete and check it."""

import typing
from collections.abc import Iterable
from typing import Any

from framegraph.graph.reader import STAGE_NAME
from framegraph.properties import BYTES_PER_UNIT, SECONDS_PER_UNIT, Bytes, Seconds
from framegraph.tools.describe.facts import Property, StageFacts, hints_of

Schema = dict[str, Any]

NAME = STAGE_NAME.pattern
_USERS_TYPE = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$"
_VARIABLE = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"


def pipeline_schema(all_facts: list[StageFacts]) -> Schema:
    """Return the schema (draft 2020-12). Every stage type is a branch, chosen by its `type`."""
    known = [facts.type_name for facts in all_facts]
    stage = {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {
                "description": "What the stage is: a type of the project, or MODULE.CLASS of your own.",
                "anyOf": [{"enum": known}, {"type": "string", "pattern": _USERS_TYPE}],
            }
        },
        "allOf": [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in known
        ],
    }
    chain = rf"^\s*{NAME}(\s*!\s*{NAME})+\s*$"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pipeline.yaml: a graph of stages",
        "type": "object",
        "required": ["stages", "links"],
        "additionalProperties": False,
        "properties": {
            "pipeline": {
                "type": "string",
                "description": "The graph's name; the file's when it is left out.",
            },
            "stages": {
                "description": "The stages by name; each runs as its own process.",
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": f"^{NAME}$"},
                "additionalProperties": {"$ref": "#/$defs/stage"},
            },
            "links": {
                "description": "Chains of stages, such as: source ! work ! sink",
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": {"type": "string", "pattern": chain},
            },
            "ledger": {
                "type": "string",
                "description": "Where the ledger goes; next to the first output when it is left out.",
            },
        },
        "$defs": {"stage": stage, **{facts.type_name: _branch(facts) for facts in all_facts}},
    }


def _branch(facts: StageFacts) -> Schema:
    properties = {each.key: property_schema(each) for each in (*facts.common, *facts.own)}
    branch: Schema = {
        "description": facts.summary,
        "type": "object",
        "properties": {"type": {"const": facts.type_name}, **properties},
        "required": ["type", *(each.key for each in facts.own if each.is_required)],
        "additionalProperties": False,
    }
    return branch


def property_schema(declared: Property) -> Schema:
    """Return the schema of one property's value."""
    branches = [branch for hint in hints_of(declared.hint) for branch in _branches(hint, declared)]
    schema: Schema = {"description": declared.help.doc}
    if not declared.is_required:
        default = declared.default
        schema["default"] = list(default) if isinstance(default, tuple) else default
    return {**schema, **(branches[0] if len(branches) == 1 else {"anyOf": branches})}


def _branches(hint: Any, declared: Property) -> list[Schema]:
    """Return what YAML may hold for one type: a time, for example, is a number or a text with a unit."""
    limits = declared.help
    bounds = {"minimum": limits.low, "maximum": limits.high}
    bounds = {word: value for word, value in bounds.items() if value is not None}
    if hint is type(None):
        return [{"type": "null"}]
    if hint is bool:
        return [{"type": "boolean"}]
    if typing.get_origin(hint) is tuple:
        (element, *_rest) = typing.get_args(hint)
        items = _branches(element, declared)
        return [{"type": "array", "items": items[0] if len(items) == 1 else {"anyOf": items}}]
    if hint in (Seconds, Bytes):
        text = {
            "type": "string",
            "pattern": _with_unit(SECONDS_PER_UNIT if hint is Seconds else BYTES_PER_UNIT),
        }
        return [{"type": "number", **bounds}, text]
    if hint in (int, float):
        return [{"type": "integer" if hint is int else "number", **bounds}]
    return _text(limits.choices, limits.pattern)


def _text(choices: tuple[str, ...] | None, pattern: str | None) -> list[Schema]:
    """Return the branches of a text: a number is one too, and ${NAME} stands for any."""
    if choices is None and pattern is None:
        return [{"type": ["string", "number"]}]
    exact = (
        {"enum": list(choices)} if choices is not None else {"type": "string", "pattern": f"^({pattern})$"}
    )
    return [exact, {"type": "string", "pattern": _VARIABLE}]


def _with_unit(units: Iterable[str]) -> str:
    return rf"^\s*[0-9]+(\.[0-9]+)?\s*({'|'.join(units)})?\s*$"
