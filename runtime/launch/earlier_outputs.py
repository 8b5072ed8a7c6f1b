"""What an earlier run has left where this one is to write is moved aside: nothing of a user's is lost."""

import os
from collections.abc import Iterable
from pathlib import Path

from runtime.errors import GraphError
from runtime.graph.model import Graph
from runtime.graph.registry import writes_file

SUFFIX = ".previous"


def replaced_files(graph: Graph, sources: Iterable[str]) -> list[Path]:
    """Return the files that the sinks write for some sources, but for those that may be overwritten."""
    wanted = set(sources)
    return [
        path
        for (sink, source), path in graph.locations().items()
        if source in wanted
        and writes_file(graph.stages[sink].stage)
        and not graph.stages[sink].common.overwrite
    ]


def move_aside(files: Iterable[Path]) -> list[str]:
    """Move what stands there to NAME.previous, where an older one gives way; return a line for each.

    Raises GraphError for a file that cannot be moved. Empty files are left: there is nothing to keep.
    """
    lines = []
    for path in files:
        if not path.is_file() or path.stat().st_size == 0:
            continue
        aside = path.with_name(path.name + SUFFIX)
        try:
            os.replace(path, aside)
        except OSError as error:
            raise GraphError(
                f"{path} of an earlier run cannot be moved to {aside}: {error.strerror}; "
                "move it yourself, or set overwrite: true"
            ) from None
        lines.append(f"{path} is of an earlier run: it is now {aside} (overwrite: true replaces it)")
    return lines
