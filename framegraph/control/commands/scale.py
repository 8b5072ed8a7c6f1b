"""launcher.py scale STAGE N: more or fewer processes for a worker."""

import argparse
from typing import Any

from framegraph.control.command import Procedure, RunningCommand, RunParts


class Scale(RunningCommand):
    line = "more or fewer processes for a stage of a running graph"
    description = "Change the number of replicas of a worker."
    limit_s = 150.0  # loading a model, or finishing what a replica holds

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("stage")
        parser.add_argument("replicas", type=int, metavar="N")

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.control.client import find_run

        print(self.ask(find_run(options.run), {"stage": options.stage, "replicas": options.replicas}).text)
        return 0

    def carry_out(self, parts: RunParts, said: dict[str, Any]) -> Procedure:
        from framegraph.control.replicas import Scaling
        from framegraph.wire import codec

        stage, replicas = codec.field(said, "stage", str), codec.field(said, "replicas", int)
        return (yield from Scaling(parts.state, parts.processes).scale(stage, replicas))
