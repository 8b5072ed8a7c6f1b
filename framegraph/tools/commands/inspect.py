"""launcher.py inspect [TYPE]: a stage type's pads, caps and properties."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from framegraph.support.commands import Command


class Inspect(Command):
    line = "a stage type: its pads, caps and properties"
    description = "Show stage types, their pads, caps and properties."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "what",
            nargs="?",
            help="a type: detect, my_stages.Blur; or a graph: its links; nothing: all types",
        )

    def run(self, options: argparse.Namespace) -> int:
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

    def completions(self, before: Sequence[str], last: str) -> list[str]:
        from framegraph.graph.registry import known_types
        from framegraph.tools.describe.completion import graphs

        return [*known_types(), *graphs(last)]
