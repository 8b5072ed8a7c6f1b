"""All that is wrong with a graph at once: who mends one mistake should not meet the next one only then."""

import contextlib
from collections.abc import Iterator

from framegraph.errors import GraphError, ManyGraphError


class Problems:
    """Collects errors; `raise_if_any` raises them as one."""

    def __init__(self) -> None:
        self.found: list[str] = []

    @contextlib.contextmanager
    def catch(self) -> Iterator[None]:
        """Note a GraphError of the block, and go on behind it."""
        try:
            yield
        except GraphError as error:
            self.found += [problem for problem in error.problems if problem not in self.found]

    def raise_if_any(self) -> None:
        if len(self.found) == 1:
            raise GraphError(self.found[0])
        if self.found:
            raise ManyGraphError(self.found)
