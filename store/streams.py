"""Which times a database knows."""

import sqlalchemy as sa

from fashion_pipeline.store import schema
from framegraph.errors import GraphError

streams = schema.streams.c


def extent(connection: sa.Connection, clock: str) -> tuple[str, int, int]:
    """Return (clock, first, last) of all that was seen by a clock; for "" by the wall clock, and of films if
    nothing was. Raises GraphError if there is nothing."""
    for each in (clock,) if clock else ("wall", "film"):
        begin_ns, end_ns = connection.execute(
            sa.select(sa.func.min(streams.begin_ns), sa.func.max(streams.end_ns)).where(streams.clock == each)
        ).one()
        if begin_ns is not None:
            # The last moment is in it.
            return each, begin_ns, end_ns + 1
    raise GraphError("the database holds nothing" + (f" by the {clock} clock" if clock else ""))
