"""Arguments that several of the launcher's commands take."""

import argparse
import math
from collections.abc import Callable


def add_graph(parser: argparse.ArgumentParser) -> None:
    """Take a graph, and what overrides its properties."""
    parser.add_argument("graph", help="a file, e.g. pipeline.yaml, or a graph: 'source uri=… ! …'")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="STAGE.PROPERTY=VALUE",
        help="override one property, e.g. camera.uri=film.mp4 (may be given several times)",
    )


def graph_words(options: argparse.Namespace) -> list[str]:
    """The graph as this command line has it, for another process."""
    return [options.graph, *(word for override in options.set for word in ("--set", override))]


def number(kind: type[int] | type[float], low: float) -> Callable[[str], float]:
    """Return what reads a finite number of at least `low`, for argparse."""

    def read(text: str) -> float:
        try:
            found = kind(text)
        except ValueError:
            found = math.nan
        if not low <= found < math.inf:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"expected {what} of {low:g} or more, got '{text}'")
        return found

    return read
