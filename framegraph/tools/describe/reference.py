"""docs/pipeline-yaml.md: the reference of the graph file, made from the same declarations as `inspect`.

Made by `python launcher.py schema --markdown`; a test holds the file in docs/ against this.
"""

from collections.abc import Iterable

from framegraph.graph.common import COMMON
from framegraph.properties import BYTES_PER_UNIT, SECONDS_PER_UNIT
from framegraph.tools.describe.caps import pads_of
from framegraph.tools.describe.facts import KINDS, Property, StageFacts, properties_of

_HEAD = """\
# pipeline.yaml

Made by `python launcher.py schema --markdown`: change the declarations in `stages/` and
`framegraph/graph/common.py`, not this file. `python launcher.py schema > pipeline.schema.json` writes the
same as a JSON Schema; with this line at the top of the graph, editors that know YAML complete and check it:

```yaml
# yaml-language-server: $schema=pipeline.schema.json
```

| key | what it is |
| --- | --- |
| `pipeline` | the graph's name; the file's name when it is left out |
| `stages` | the stages by name; each has a `type`, and properties of its type and of its kind |
| `links` | a list of chains: `source ! work ! sink`; a stage may be in several |
| `ledger` | where the ledger goes; next to the first output when it is left out |

- A stage's name is a letter, then letters, digits, `-` or `_`, 32 at most. Unknown words are refused.
- A time is a number of seconds, or has a unit: {seconds}. Memory is a number of bytes, or has one: {bytes}.
- `${{NAME}}` in a text is the environment's value of NAME.
- `--set STAGE.PROPERTY=VALUE` overrides one property for one run. Those marked *live* may be set while the
  graph runs: [control](control.md).
- `{{source}}` in a location is the name of the source: with several sources a sink makes a file of each.
- A type with a dot, `my_stages.Blur`, is class Blur of my_stages.py next to the graph:
  [write a stage](write-a-stage.md).

## In one line

What stands for the graph's file may be the graph itself, in the words of gst-launch:

```
my_stages.Read uri=in.txt ! my_stages.Work name=c ! my_stages.Write location=out/a.txt
```

- An element is a type, then its properties as `key=value`; ` ! ` links it to the next.
- `name=c` names an element; `c. ! json_sink location=out/c.jsonl` goes on from it, `… ! c.` leads to it.
- Others are named after their type, counted from 0: `--set detect0.confidence=0.6`.
- Values are read as in YAML; what has quotes is text: `uri="my file.txt"`.
- Errors name line and column: `graph:1:41`.

## Caps

What a packet carries on a link is the frame, in a format that its source names, and what the stages before it
have found. A stage that takes another format (ANY: every one), or what no stage before it gives, is refused.
`python launcher.py inspect pipeline.yaml` lists the caps of each link; `python launcher.py pipeline.yaml
--draw svg` draws them.
"""
_KIND_HEADS = {
    "source": "Properties of every source",
    "worker": "Properties of every worker",
    "ordered": "Properties of every ordered stage",
    "sink": "Properties of every sink",
    "leaky": "Properties of every leaky sink",
}


def reference(all_facts: list[StageFacts]) -> str:
    """Return the whole text of docs/pipeline-yaml.md."""
    parts = [_HEAD.format(seconds=_units(SECONDS_PER_UNIT), bytes=_units(BYTES_PER_UNIT))]
    for kind in KINDS:
        parts += [_stage(facts) for facts in all_facts if facts.kind == kind]
    parts += [f"## {_KIND_HEADS[kind]}\n\n{_table(properties_of(COMMON[kind]))}" for kind in KINDS]
    return "\n".join(parts)


def _stage(facts: StageFacts) -> str:
    pads = [f"- {pad} pad: " + "; ".join(words) for pad, words in pads_of(facts.stage, facts.kind).items()]
    return "\n".join(
        [f"## `type: {facts.type_name}` ({facts.kind})", "", facts.text, "", *pads, "", _table(facts.own)]
    )


def _table(properties: tuple[Property, ...]) -> str:
    if not properties:
        return "No properties of its own.\n"
    rows = [
        [f"`{each.key}`", each.type_words, each.range_words, each.default_words, _what(each)]
        for each in properties
    ]
    lines = ["| property | type | range | default | what it does |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)]) + "\n"


def _what(each: Property) -> str:
    return f"{each.help.doc} *live*" if each.help.while_running else each.help.doc


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _units(units: Iterable[str]) -> str:
    return ", ".join(f"`{unit}`" for unit in units)
