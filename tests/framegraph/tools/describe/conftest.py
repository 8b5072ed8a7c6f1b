"""The same small stages as the tests of the graph use."""

from tests.framegraph.graph.conftest import folder, write

__all__ = ["folder", "write"]
