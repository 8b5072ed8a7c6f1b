"""Run or drill a graph with framegraph alone: `run.py GRAPH [--set …]`, `run.py --drill FAULT GRAPH`."""

import argparse
import sys

from framegraph.errors import GraphError
from framegraph.graph.reader import read_graph_argument
from framegraph.launch.arguments import add_graph, graph_words
from framegraph.launch.session import run_graph
from framegraph.tools.drill import Drill
from framegraph.view.printing import guard_streams


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Run a graph of stages, each its own process.")
    add_graph(parser)
    parser.add_argument("--quiet", action="store_true", help="only warnings, errors and the summary")
    parser.add_argument("--drill", action="append", metavar="FAULT", help="e.g. kill:any, kill:parse.1")
    parser.add_argument("--times", type=int, default=5, help="faults in a drill")
    parser.add_argument("--seed", type=int, default=1, help="of a drill")
    options = parser.parse_args(arguments)
    try:
        graph = read_graph_argument(options.graph, options.set)
        if not options.drill:
            return run_graph(graph, quiet=options.quiet, verbose=False, resume=False)
        drill = Drill(
            graph,
            [sys.executable, __file__, *graph_words(options)],
            options.drill,
            times=options.times,
            seed=options.seed,
        )
    except GraphError as error:
        print("\n".join(error.problems), file=sys.stderr)
        return 2
    verdict = drill.go(max_pause_s=0.5, stop_at_end=False)
    print(verdict.describe())
    return 0 if verdict.passed else 1


if __name__ == "__main__":
    guard_streams()
    sys.exit(main(sys.argv[1:]))
