"""launcher.py attach NAME URI: link a source into the running graph.

Variables are expanded where the command is typed, from that environment, and the value goes over the socket,
never onto a command line.
"""

import argparse
import os
import re
from typing import TYPE_CHECKING, Any

from framegraph.control.command import Procedure, RunningCommand, RunParts
from framegraph.errors import GraphError

if TYPE_CHECKING:
    from framegraph.control.client import RunningGraph


class Attach(RunningCommand):
    line = "link a source into a running graph"
    description = "Attach a source to the running graph."
    limit_s = 90.0  # loading a source, and informing every process of it

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="of the source; stands for {source} in locations")
        parser.add_argument(
            "uri",
            help="a file, or an address; a password as '${PASSWORD}' or '${file:PATH}', in single quotes",
        )
        parser.add_argument(
            "--to", action="append", default=[], metavar="STAGE", help="default: as the graph's first source"
        )
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="PROPERTY=VALUE",
            help="e.g. max-fps=10, priority=2",
        )

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.control.client import find_run
        from framegraph.graph.yaml_text import expand, node_from_text, refuse_literal_password

        place = f"attach {options.name}"
        values: dict[str, Any] = {}
        for text in options.set:
            word, equals, value = text.partition("=")
            if not (equals and word):
                raise GraphError(f"{place}: --set {text}: expected PROPERTY=VALUE, e.g. --set max-fps=10")
            refuse_literal_password(value, place)
            values[word] = node_from_text(value, f"{place}: --set {word}").plain()
        refuse_literal_password(options.uri, place)
        running = find_run(options.run)
        values["uri"] = _from_its_folder(expand(options.uri, place), running)
        print(self.ask(running, {"name": options.name, "properties": values, "to": options.to}).text)
        return 0

    def carry_out(self, parts: RunParts, said: dict[str, Any]) -> Procedure:
        from framegraph.wire import codec

        to = codec.field(said, "to", list)
        if any(type(word) is not str for word in to):
            raise GraphError("attach: 'to' must be a list of stages")
        name, values = codec.field(said, "name", str), codec.field(said, "properties", dict)
        return (yield from parts.attachments.attach(name, values, to))


def _from_its_folder(uri: str, running: "RunningGraph") -> str:
    """Make a relative path absolute: it starts where the command is typed, not where the graph runs."""
    is_path = not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", uri)
    return os.path.join(os.getcwd(), uri) if is_path and os.getcwd() != running.cwd else uri
