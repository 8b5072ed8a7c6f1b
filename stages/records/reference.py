"""docs/records.md, made from the schema: `python -m stages.records.reference > docs/records.md`."""

import json
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).with_name("schema.json")
HEAD = """# Records

What `json_sink` and `events_sink` write, line by line. Made by `make docs` from
`stages/records/schema.json`, the JSON Schema of a line (draft 2020-12): hold your own reader against it.
"""
TABLES = ("frame", "range", "person", "garment", "appeared", "wears", "left")
TYPES = {
    "integer": "whole number",
    "array": "list",
    "object": "map",
    "string": "text",
    "boolean": "true, false",
}


def read_schema() -> dict[str, Any]:
    """Return the JSON Schema of a record."""
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return schema


def reference(schema: dict[str, Any]) -> str:
    """Return the Markdown: a table for each kind of line and of what is in it."""
    parts = [HEAD]
    for name in TABLES:
        described = schema["$defs"][name]
        parts.append(f"\n## {described['title']}\n")
        if "description" in described:
            parts.append(f"\n{described['description']}\n")
        parts.append("\n| field | type | always | meaning |\n| --- | --- | --- | --- |\n")
        required = set(described.get("required", ()))
        for field, value in described["properties"].items():
            whole = _resolved(value, schema)
            always = "yes" if field in required else ""
            parts.append(f"| `{field}` | {_type(whole, schema)} | {always} | {whole['description']} |\n")
    return "".join(parts)


def _resolved(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a property with what it refers to; its own words go before those."""
    if "$ref" not in value:
        return value
    target: dict[str, Any] = schema["$defs"][value["$ref"].rpartition("/")[2]]
    return {**target, **value}


def _type(value: dict[str, Any], schema: dict[str, Any]) -> str:
    if "const" in value:
        return json.dumps(value["const"])
    if "enum" in value:
        return ", ".join(value["enum"])
    name = TYPES.get(value["type"], value["type"])
    items = value.get("items", {})
    if "$ref" in items:
        return f"list of: {_resolved(items, schema).get('title', 'values').lower()}"
    if "minItems" in value:
        return f"{value['minItems']} {'whole numbers' if items['type'] == 'integer' else 'numbers'}"
    return f"list of {', '.join(items['enum'])}" if "enum" in items else name


if __name__ == "__main__":
    print(reference(read_schema()), end="")
