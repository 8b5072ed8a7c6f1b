#!/usr/bin/env python3
"""Run a graph of stages as processes: `python launcher.py pipeline.yaml`."""

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path

from runtime import __version__
from runtime.errors import GraphError

# What runs is imported inside the commands, so that --help and --version answer at once.


def main(arguments: list[str]) -> int:
    command = _COMMANDS.get(arguments[0]) if arguments else None
    try:
        return command(arguments[1:]) if command else run(arguments)
    except GraphError as error:
        print(f"launcher: {error}", file=sys.stderr)
        return 2


def run(arguments: list[str]) -> int:
    """launcher.py GRAPH: run it, or check it."""
    parser = argparse.ArgumentParser(
        prog="launcher.py",
        description="Run a graph of stages, each its own process.",
        epilog="other commands: launcher.py drill",
    )
    _add_graph(parser)
    parser.add_argument("--check", action="store_true", help="check the graph and start nothing")
    parser.add_argument(
        "--resume", action="store_true", help="go on where an earlier run on the same input was cut off"
    )
    parser.add_argument("--quiet", action="store_true", help="only warnings, errors and the summary")
    parser.add_argument("-v", "--verbose", action="store_true", help="every state change and library message")
    parser.add_argument("--version", action="version", version=f"fashion pipeline {__version__}")
    options = parser.parse_args(arguments)
    from runtime.graph.reader import read_graph
    from runtime.launch.session import check_only, run_graph

    graph = read_graph(Path(options.graph), options.set)
    if options.check:
        return check_only(graph)
    return run_graph(graph, quiet=options.quiet, verbose=options.verbose, resume=options.resume)


def drill(arguments: list[str]) -> int:
    """launcher.py drill GRAPH FAULT …: run it, harm its processes, say what was lost."""
    parser = argparse.ArgumentParser(
        prog="launcher.py drill",
        description="Run a graph, kill or stop its processes at random moments, and give a verdict.",
    )
    _add_graph(parser)
    parser.add_argument(
        "fault", nargs="+", help="kill:any, kill:detect.1, kill:crop+film, again:film, stop:film"
    )
    parser.add_argument("--times", type=int, default=5, help="faults in all (default 5)")
    parser.add_argument("--seed", type=int, help="to repeat a drill; printed when it is not given")
    parser.add_argument("--max-pause", type=float, default=1.5, help="seconds between faults, at most")
    parser.add_argument("--stop", action="store_true", help="Ctrl-C after the last fault: for endless inputs")
    options = parser.parse_args(arguments)
    from runtime.graph.reader import read_graph
    from runtime.launch.drill import Drill

    graph = read_graph(Path(options.graph), options.set)
    seed = options.seed if options.seed is not None else random.randrange(10**6)
    print(f"seed {seed}", flush=True)
    overrides = [word for override in options.set for word in ("--set", override)]
    harm = Drill(graph, [options.graph, *overrides], options.fault, times=options.times, seed=seed)
    verdict = harm.go(max_pause_s=options.max_pause, stop_at_end=options.stop)
    print(verdict.describe())
    return 0 if verdict.passed else 1


def _add_graph(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("graph", help="the graph file, e.g. pipeline.yaml")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="STAGE.PROPERTY=VALUE",
        help="override one property, e.g. camera.uri=film.mp4 (may be given several times)",
    )


_COMMANDS: dict[str, Callable[[list[str]], int]] = {"drill": drill}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
