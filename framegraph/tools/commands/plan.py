"""launcher.py plan GRAPH: the speed to expect on this machine, and what to set."""

import argparse
import sys

from framegraph.launch.arguments import add_graph, graph_words, number, read_graph
from framegraph.support.commands import Command


class Plan(Command):
    line = "the speed to expect of a graph on this machine, and what to set"
    description = "Measure each stage alone, and show what the graph reaches here and what limits it."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_graph(parser)
        parser.add_argument(
            "--seconds", type=number(float, 0.1), default=3.0, help="for each stage (default 3)"
        )
        parser.add_argument(
            "--cameras",
            type=number(int, 1),
            help="check whether this many cameras can be handled; with --fps",
        )
        parser.add_argument(
            "--fps",
            type=number(float, 0.001),
            default=25.0,
            help="frames a second of each camera (default 25)",
        )

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.graph.check import refuse_batch
        from framegraph.tools.plan.auto import remember
        from framegraph.tools.plan.forecast import forecast
        from framegraph.tools.plan.measure import cores, measure_graph
        from framegraph.tools.plan.report import describe, describe_sources

        graph = read_graph(options, self.commands)
        for source in graph.of_kind("source"):
            refuse_batch(source)
        costs = measure_graph(
            graph,
            graph_words(options),
            seconds=options.seconds,
            say=lambda text: print(text, file=sys.stderr),
        )
        remember(graph, costs)
        found = forecast(graph, costs, cores())
        print("\n".join(describe(graph, costs, found)))
        if options.cameras:
            print(describe_sources(found, options.cameras, options.fps, "camera"))
        return 0
