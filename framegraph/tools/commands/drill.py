"""launcher.py drill GRAPH FAULT …: run a graph, kill its processes, report what was lost."""

import argparse
import random
from collections.abc import Sequence

from framegraph.launch.arguments import add_graph, graph_words, number, read_graph
from framegraph.support.commands import Command, own_command


class DrillCommand(Command):
    line = "run a graph, kill its processes, and report what was lost"
    description = "Run a graph, kill or stop its processes at random moments, and give a verdict."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_graph(parser)
        parser.add_argument(
            "fault", nargs="+", help="kill:any, kill:work.1, kill:work+sink, again:sink, stop:sink"
        )
        parser.add_argument("--times", type=number(int, 1), default=5, help="faults in all (default 5)")
        parser.add_argument("--seed", type=int, help="to repeat a drill; printed when it is not given")
        parser.add_argument(
            "--max-pause", type=number(float, 0), default=1.5, help="seconds between faults, at most"
        )
        parser.add_argument(
            "--stop", action="store_true", help="Ctrl-C after the last fault: for endless inputs"
        )

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.graph.check import refuse_batch
        from framegraph.tools.drill import Drill

        graph = read_graph(options, self.commands)
        for source in graph.of_kind("source"):
            refuse_batch(source)
        seed = options.seed if options.seed is not None else random.randrange(10**6)
        print(f"seed {seed}", flush=True)
        harm = Drill(
            graph,
            [*own_command(), *graph_words(options)],
            options.fault,
            times=options.times,
            seed=seed,
        )
        verdict = harm.go(max_pause_s=options.max_pause, stop_at_end=options.stop)
        print(verdict.describe())
        return 0 if verdict.passed else 1

    def completions(self, before: Sequence[str], last: str) -> list[str]:
        from framegraph.tools.describe.completion import graphs

        return graphs(last)
