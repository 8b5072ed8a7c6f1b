"""Arguments that several of the launcher's commands take."""

import argparse
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from framegraph.errors import GraphError
from framegraph.properties import nearest
from framegraph.support.commands import Commands
from framegraph.support.secrets import passwords_in

if TYPE_CHECKING:
    from framegraph.graph.model import Graph

GLOB = frozenset("*?[")


def add_graph(parser: argparse.ArgumentParser, *, is_optional: bool = False) -> None:
    """Add the arguments for a graph and the overrides of its properties."""
    what = "a file, e.g. pipeline.yaml; a graph: 'source uri=… ! …'; or an input for the default graph"
    if is_optional:
        what += "; nothing: the default graph on its sample"
    parser.add_argument("graph", nargs="?" if is_optional else None, default="", help=what)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="STAGE.PROPERTY=VALUE",
        help="override one property, e.g. source.uri=FILE (may be given several times)",
    )


def parse_graph(
    parser: argparse.ArgumentParser, arguments: Sequence[str], commands: Commands
) -> argparse.Namespace:
    """Parse the arguments of a command that takes a graph; GraphError for a misplaced word."""
    first = arguments[0] if arguments else ""
    if first.isidentifier() and not Path(first).exists():
        close = nearest(first, commands)
        raise GraphError(f"unknown command '{first}'{close}; to run a graph name it, e.g. pipeline.yaml")
    options, surplus = parser.parse_known_args(arguments)
    for word in surplus:
        if "=" in word and not word.startswith("-"):
            raise GraphError(f"'{word}' stands alone; write --set before each: --set {word}")
    if surplus:
        parser.error(f"unrecognized arguments: {' '.join(surplus)}")
    return options


def read_graph(options: argparse.Namespace, commands: Commands) -> "Graph":
    """Read the graph that the options of a command name; an input becomes the default graph on that input,
    also in `options`."""
    from framegraph.graph.reader import read_graph_argument

    default = commands.default
    if default is not None and (not options.graph or _is_input(options.graph)):
        options.set.insert(0, f"{default.source}.uri={options.graph or default.uri}")
        options.graph = str(default.path)
    return read_graph_argument(options.graph, options.set)


def _is_input(word: str) -> bool:
    """Return whether a word names an input rather than a graph, in a file or in one line."""
    if " ! " in word or Path(word).suffix in (".yaml", ".yml"):
        return False
    return "://" in word or not GLOB.isdisjoint(word) or Path(word).exists()


def refuse_passwords(arguments: Sequence[str]) -> None:
    """Raise GraphError for an address with a password in any word."""
    for before, word in itertools.pairwise(("", *arguments)):
        if passwords_in(word):
            # Imported here, because --help must not wait for the reader of YAML.
            from framegraph.graph.yaml_text import refuse_literal_password

            refuse_literal_password(word, f"--set {word}" if before == "--set" else word)


def graph_words(options: argparse.Namespace) -> list[str]:
    """Return the arguments that give the same graph to another process."""
    return [options.graph, *(word for override in options.set for word in ("--set", override))]


def number(kind: type[int] | type[float], low: float) -> Callable[[str], float]:
    """Return a function for argparse that reads a finite number of at least `low`."""

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
