"""A right graph to make wrong ones of."""

from collections.abc import Callable
from pathlib import Path

import pytest

from framegraph.errors import GraphError
from framegraph.graph.reader import read_graph
from tests.framegraph.graph.conftest import RIGHT

Write = Callable[[str | bytes], Path]
"""The fixture that writes a graph file and returns its path."""


def changed(old: str, new: str) -> str:
    assert RIGHT.count(old) == 1, f"{old!r} stands there {RIGHT.count(old)} times"
    return RIGHT.replace(old, new)


def error_of(path: Path, *overrides: str) -> str:
    with pytest.raises(GraphError) as caught:
        read_graph(path, overrides)
    return str(caught.value)
