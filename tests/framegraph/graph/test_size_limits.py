"""Graph files that are too large, or become so."""

from pathlib import Path

import pytest

from framegraph.errors import GraphError
from framegraph.graph.reader import read_graph


def test_a_graph_that_grows_without_end_when_it_is_read_is_refused_at_once(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
    )
    path = tmp_path / "bomb.yaml"
    path.write_text(bomb)
    with pytest.raises(GraphError, match="its anchors stand for over 100000 values"):
        read_graph(path)
    path.write_text("# " + "x" * 2_000_000)
    with pytest.raises(GraphError, match="more than 1000000 bytes"):
        read_graph(path)
