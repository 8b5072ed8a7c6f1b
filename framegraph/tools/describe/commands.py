"""Commands that describe: a stage type, the schema of a graph, a stage of your own to begin with."""

import argparse
import json
from pathlib import Path

KINDS = ("worker", "source", "ordered", "sink")

# What describes is imported inside the commands, so that the others answer at once.


def inspect(arguments: list[str]) -> int:
    """launcher.py inspect [TYPE]: what a stage type takes, gives and can be told."""
    parser = argparse.ArgumentParser(
        prog="launcher.py inspect", description="Show stage types, their pads, caps and properties."
    )
    parser.add_argument(
        "what", nargs="?", help="a type: detect, my_stages.Blur; or a graph: its links; nothing: all types"
    )
    options = parser.parse_args(arguments)
    from framegraph.graph.reader import is_graph, read_graph_argument
    from framegraph.tools.describe.facts import all_facts, facts_of
    from framegraph.tools.describe.inspect_text import graph_text, list_text, stage_text

    if options.what is None:
        print(list_text(all_facts()))
    elif is_graph(options.what):
        print(graph_text(read_graph_argument(options.what)))
    else:
        print(stage_text(facts_of(options.what, Path.cwd())))
    return 0


def schema(arguments: list[str]) -> int:
    """launcher.py schema: the JSON Schema of pipeline.yaml, or the same for readers."""
    parser = argparse.ArgumentParser(
        prog="launcher.py schema", description="Print the JSON Schema of pipeline.yaml, for editors."
    )
    parser.add_argument("--markdown", action="store_true", help="print docs/pipeline-yaml.md instead")
    options = parser.parse_args(arguments)
    from framegraph.tools.describe.facts import all_facts
    from framegraph.tools.describe.reference import reference
    from framegraph.tools.describe.schema import pipeline_schema

    if options.markdown:
        print(reference(all_facts()), end="")
    else:
        print(json.dumps(pipeline_schema(all_facts()), indent=2))
    return 0


def new_stage(arguments: list[str]) -> int:
    """launcher.py new-stage NAME: a stage of your own and its test, to begin with."""
    parser = argparse.ArgumentParser(
        prog="launcher.py new-stage", description="Write NAME.py and test_NAME.py: docs/write-a-stage.md."
    )
    parser.add_argument("name", help="the module's name, e.g. how_bright")
    parser.add_argument("--folder", default=".", help="where to; beside the graph is right (default: here)")
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0], help="default: worker")
    options = parser.parse_args(arguments)
    from framegraph.tools.describe import new_stage

    paths = new_stage.new_stage(options.name, Path(options.folder), options.kind)
    print("\n".join(f"wrote {path}" for path in paths))
    print(f"in a graph: type: {options.name}.{new_stage.class_name(options.name)}")
    return 0
