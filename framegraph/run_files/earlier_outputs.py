"""Outputs of an earlier run, moved aside before this one writes, so that no user's file is lost."""

import itertools
import os
from collections.abc import Iterable
from pathlib import Path

from framegraph.errors import GraphError
from framegraph.graph.check import identity_of, input_files
from framegraph.graph.model import Graph
from framegraph.graph.registry import writes_file

SUFFIX = ".previous"


def move_aside(graph: Graph, sources: Iterable[str]) -> list[str]:
    """Move files from the places where sinks will write for some sources; return a line for each file.

    A file goes to NAME.previous, replacing an older one; if that is an input or output of this graph, to
    NAME.previous2. Empty files and those that may be overwritten stay. Raises GraphError for a file
    that cannot be moved.
    """
    lines = []
    taken = {path.resolve() for path in graph.locations().values()}
    read = input_files(graph)
    for path in _replaced_files(graph, sources):
        if not path.is_file() or path.stat().st_size == 0:
            continue
        names = (f"{path.name}{SUFFIX}{number if number > 1 else ''}" for number in itertools.count(1))
        asides = (path.with_name(name) for name in names)
        aside = next(each for each in asides if each.resolve() not in taken and identity_of(each) not in read)
        try:
            os.replace(path, aside)
        except OSError as error:
            raise GraphError(
                f"{path} of an earlier run cannot be moved to {aside}: {error.strerror}; "
                "move it yourself, or set overwrite: true"
            ) from None
        lines.append(f"{path} is of an earlier run: it is now {aside} (overwrite: true replaces it)")
    return lines


def _replaced_files(graph: Graph, sources: Iterable[str]) -> list[Path]:
    wanted = set(sources)
    return [
        path
        for (sink, source), path in graph.locations().items()
        if source in wanted
        and writes_file(graph.stages[sink].stage)
        and not graph.stages[sink].common.overwrite
    ]
