#!/usr/bin/env python3
"""Run a graph of stages as processes: `python launcher.py pipeline.yaml`."""

import argparse
import sys
from pathlib import Path

from runtime import __version__
from runtime.errors import GraphError


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    # Imported here, so that --help and --version answer at once.
    from runtime.graph.reader import read_graph
    from runtime.launch.session import check_only, run_graph

    try:
        graph = read_graph(Path(options.graph), options.set)
        if options.check:
            return check_only(graph)
        return run_graph(graph, quiet=options.quiet, verbose=options.verbose, resume=options.resume)
    except GraphError as error:
        print(f"launcher: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="launcher.py", description="Run a graph of stages, each its own process."
    )
    parser.add_argument("graph", help="the graph file, e.g. pipeline.yaml")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="STAGE.PROPERTY=VALUE",
        help="override one property, e.g. camera.uri=film.mp4 (may be given several times)",
    )
    parser.add_argument("--check", action="store_true", help="check the graph and start nothing")
    parser.add_argument(
        "--resume", action="store_true", help="go on where an earlier run on the same input was cut off"
    )
    parser.add_argument("--quiet", action="store_true", help="only warnings, errors and the summary")
    parser.add_argument("-v", "--verbose", action="store_true", help="every state change and library message")
    parser.add_argument("--version", action="version", version=f"fashion pipeline {__version__}")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
