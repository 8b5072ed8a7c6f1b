"""What is removed: visits that are too old, too much, or to be forgotten. Coverage stays: it names nobody."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from fashion_pipeline.store import schema
from framegraph.errors import GraphError

PART = 500
"""Visits removed at a time, so that nobody waits for long."""

visits, streams, cameras = schema.visits.c, schema.streams.c, schema.cameras.c


def remove_old(connection: sa.Connection, before_ns: int) -> int:
    """Remove visits that ended before a time of the wall clock, PART at most; return how many. Those of films
    without a clock have no age, and stay."""
    old = (
        sa.select(visits.id)
        .join_from(schema.visits, schema.streams, streams.id == visits.stream_id)
        .where(
            streams.clock == "wall", visits.begin_ns < before_ns, visits.end_ns < before_ns, visits.is_over
        )
        .limit(PART)
    )
    return _remove(connection, old)


def remove_surplus(connection: sa.Connection, max_bytes: int) -> int:
    """Remove the oldest visits, PART at most, if the database is larger than this; return how many."""
    if size_bytes(connection) <= max_bytes:
        return 0
    return _remove(connection, sa.select(visits.id).where(visits.is_over).order_by(visits.id).limit(PART))


def size_bytes(connection: sa.Connection) -> int:
    """Return how much the database holds. SQLite's file does not shrink; room in it is used again."""
    if connection.dialect.name == "sqlite":
        pages, free, size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)
    return int(
        connection.execute(sa.select(sa.func.pg_database_size(sa.func.current_database()))).scalar_one()
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Who:
    """Whose visits are to be forgotten: one by its number, or those of a number of `track` before a camera,
    in one run or all."""

    visit: int | None = None
    camera: str = ""
    track: int | None = None
    run: str = ""


def forget(connection: sa.Connection, who: Who) -> int:
    """Remove these visits with garments and pictures; return how many. Raises GraphError if
    there are none."""
    chosen = sa.select(visits.id)
    if who.visit is not None:
        chosen = chosen.where(visits.id == who.visit)
    else:
        chosen = chosen.join_from(schema.visits, schema.streams, streams.id == visits.stream_id)
        chosen = chosen.join(schema.cameras, cameras.id == visits.camera_id)
        chosen = chosen.where(cameras.name == who.camera, visits.track == who.track)
        if who.run:
            chosen = chosen.where(streams.run == who.run)
    removed = _remove(connection, chosen)
    if not removed:
        raise GraphError("no such visit; `ask --json` gives the number, camera and track of each")
    return removed


def _remove(connection: sa.Connection, chosen: sa.Select[tuple[int]]) -> int:
    ids = list(connection.execute(chosen).scalars())
    if ids:
        # What hangs on a visit goes with it: the tables say so (ON DELETE CASCADE).
        connection.execute(schema.visits.delete().where(visits.id.in_(ids)))
    return len(ids)
