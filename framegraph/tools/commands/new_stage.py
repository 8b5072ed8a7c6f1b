"""launcher.py new-stage NAME: a template for your own stage and its test."""

import argparse
from pathlib import Path

from framegraph.support.commands import Command

KINDS = ("worker", "source", "ordered", "sink")


class NewStage(Command):
    line = "a template for your own stage and its test"
    description = "Write NAME.py and test_NAME.py: docs/write-a-stage.md."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="the module's name, e.g. how_bright")
        parser.add_argument(
            "--folder", default=".", help="the target folder, usually the graph's (default: here)"
        )
        parser.add_argument("--kind", choices=KINDS, default=KINDS[0], help="default: worker")

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.tools.describe.new_stage import class_name, new_stage

        paths = new_stage(options.name, Path(options.folder), options.kind)
        print("\n".join(f"wrote {path}" for path in paths))
        print(f"in a graph: type: {options.name}.{class_name(options.name)}")
        return 0
