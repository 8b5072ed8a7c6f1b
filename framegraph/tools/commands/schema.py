"""launcher.py schema: the JSON Schema of pipeline.yaml, or the same for readers."""

import argparse
import json

from framegraph.support.commands import Command


class Schema(Command):
    line = "the JSON Schema of pipeline.yaml, for editors"
    description = "Print the JSON Schema of pipeline.yaml, for editors."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--markdown", action="store_true", help="print docs/pipeline-yaml.md instead")

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.tools.describe.facts import all_facts
        from framegraph.tools.describe.reference import reference
        from framegraph.tools.describe.schema import pipeline_schema

        if options.markdown:
            print(reference(all_facts()), end="")
        else:
            print(json.dumps(pipeline_schema(all_facts()), indent=2))
        return 0
