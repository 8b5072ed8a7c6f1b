"""All problems of a graph, collected so that they can be fixed in one go."""

import contextlib
from collections.abc import Iterator

from framegraph.errors import GraphError, ManyGraphError


class Problems:
    """Collects errors; `raise_if_any` raises them as one."""

    def __init__(self) -> None:
        self.found: list[str] = []

    @contextlib.contextmanager
    def catch(self) -> Iterator[None]:
        """Note a GraphError raised in the block, and continue after it."""
        try:
            yield
        except GraphError as error:
            self.found += [problem for problem in error.problems if problem not in self.found]

    def raise_if_any(self) -> None:
        if len(self.found) == 1:
            raise GraphError(self.found[0])
        if self.found:
            raise ManyGraphError(self.found)
