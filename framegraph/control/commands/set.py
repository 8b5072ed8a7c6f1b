"""launcher.py set STAGE.PROPERTY=VALUE: set a property that may change while the graph runs."""

import argparse
from typing import Any

from framegraph.control.command import Answer, Procedure, RunningCommand, RunParts
from framegraph.errors import GraphError


class Set(RunningCommand):
    line = "set a property of a running stage"
    description = "Set a property of a running stage."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("assignment", metavar="STAGE.PROPERTY=VALUE")

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.control.client import find_run
        from framegraph.graph.yaml_text import node_from_text, refuse_literal_password

        target, equals, text = options.assignment.partition("=")
        stage, dot, word = target.partition(".")
        if not (equals and dot and stage and word):
            raise GraphError(f"set {target}: expected STAGE.PROPERTY=VALUE, e.g. set detect.timeout=60s")
        place = f"set {target}"
        refuse_literal_password(text, place)
        said = {"stage": stage, "property": word, "value": node_from_text(text, place).plain()}
        print(self.ask(find_run(options.run), said).text)
        return 0

    def carry_out(self, parts: RunParts, said: dict[str, Any]) -> Procedure:
        from framegraph.graph.change import with_property
        from framegraph.supervisor.state import RUNNING, STOPPING
        from framegraph.wire import codec

        state = parts.state
        stage, word = codec.field(said, "stage", str), codec.field(said, "property", str)
        if state.phase != RUNNING:
            raise GraphError(f"set {stage}.{word}: the run is ending")
        state.change(with_property(state.graph, stage, word, said.get("value")))
        parts.processes.relink()
        while not state.is_linked and state.phase != STOPPING:
            yield
        return Answer(f"{stage}.{word} is now {said.get('value')}", {"stage": stage, "property": word})
