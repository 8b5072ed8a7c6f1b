"""The same small stages as the tests of the graph use."""

from tests.runtime.graph.conftest import folder, write

__all__ = ["folder", "write"]
