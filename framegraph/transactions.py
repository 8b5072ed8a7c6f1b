"""A sink that keeps its own position, in the transaction that holds what it wrote: the base for databases."""

from typing import ClassVar

from framegraph.stage import Json, OptionsT, Sink

AWAY_STATE = "waiting for its output"
"""The sink's state while its output cannot be written."""

Position = dict[str, Json]
"""framegraph's record of how far a sink is with one source: plain data, to be kept and given back whole."""


class TransactionalSink(Sink[OptionsT]):
    """A sink whose output takes transactions.

    What `process`, `dropped` and `finish` write is committed by `commit`, together with a position. What was
    written after the last commit comes again after a death or `UnavailableError`, so nobody else may see it,
    and the object must forget it when `begin` is called again. Any of its methods may raise UnavailableError.

    Where one writer locks out others, as in SQLite, keep what is written in memory until `commit`: other
    sources' objects, processes and graphs may write the same database.
    """

    commit_frames: ClassVar[int] = 32
    """The most frames of a transaction. A source waits for the commit when its `window` is smaller."""
    commit_after_s: ClassVar[float] = 0.05
    """The longest that a written frame waits for its commit."""

    def begin(self) -> Position | None:
        """Connect, forget what is not committed, and return the last committed position of this stage, run
        and source (`self.context`); None: there is none."""
        raise NotImplementedError

    def commit(self, position: Position) -> None:
        """Commit what was written since the last commit, with the position."""
        raise NotImplementedError

    @classmethod
    def last_position(cls, options: OptionsT, digest: str, stage: str, source: str) -> Position | None:
        """Return the newest position of any run whose "digest" is this one, to resume it; None: there is
        none. Raises GraphError if the output cannot be read."""
        raise NotImplementedError

    def describe(self) -> str:
        """Return the output's name for messages."""
        raise NotImplementedError
