"""docs/pipeline-yaml.md is what the declarations say, no more and no less."""

import dataclasses
import re
from pathlib import Path

from framegraph.graph.common import COMMON
from framegraph.graph.registry import find_stage, known_types
from framegraph.properties import yaml_key
from framegraph.tools.describe.facts import KINDS, all_facts
from framegraph.tools.describe.reference import reference
from tests.launching import PROJECT

DOCUMENT = PROJECT / "docs/pipeline-yaml.md"
REMEDY = "make it again: python launcher.py schema --markdown > docs/pipeline-yaml.md"


def documented() -> dict[str, list[str]]:
    """{heading: properties in the table under it}, read from the document as it stands."""
    found = {}
    for section in DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1:]:
        heading = section.partition("\n")[0]
        rows = section.partition("| property |")[2]
        found[heading] = re.findall(r"^\| `([a-z-]+)` \|", rows, flags=re.MULTILINE)
    return found


def declared(options: type) -> list[str]:
    return [yaml_key(field.name) for field in dataclasses.fields(options)]


def test_every_property_of_a_stage_is_documented_and_every_documented_one_exists() -> None:
    sections = documented()
    tables = {
        heading.split("`")[1]: rows for heading, rows in sections.items() if heading.startswith("`type:")
    }
    stages = {f"type: {name}": find_stage(name, Path.cwd()) for name in known_types()}
    assert tables == {name: declared(stage.Options) for name, stage in stages.items()}, REMEDY


def test_every_common_property_is_documented_and_every_documented_one_exists() -> None:
    tables = [rows for heading, rows in documented().items() if heading.startswith("Properties of every")]
    assert tables == [declared(COMMON[kind]) for kind in KINDS], REMEDY


def test_every_help_text_is_a_sentence() -> None:
    stages = {name: find_stage(name, Path.cwd()).Options for name in known_types()}
    wrong = [
        f"{owner}.{yaml_key(field.name)}: {field.metadata['help'].doc}"
        for owner, options in {**COMMON, **stages}.items()
        for field in dataclasses.fields(options)
        if not re.fullmatch(r"[A-Z0-9].*\.", field.metadata["help"].doc)
    ]
    assert wrong == []


def test_the_document_is_what_would_be_made_now() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == reference(all_facts()), REMEDY
