"""launcher.py detach NAME: end a source, and free what it has."""

import argparse
from typing import Any

from framegraph.control.command import Procedure, RunningCommand, RunParts


class Detach(RunningCommand):
    line = "end a source of a running graph"
    description = "End a source of the running graph: frames in flight get 5 s (drain)."
    limit_s = 90.0  # the drain, and every process releasing what it has of the source

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name")

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.control.client import find_run

        print(self.ask(find_run(options.run), {"name": options.name}).text)
        return 0

    def carry_out(self, parts: RunParts, said: dict[str, Any]) -> Procedure:
        from framegraph.wire import codec

        return (yield from parts.attachments.detach(codec.field(said, "name", str)))
