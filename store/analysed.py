"""How much of a time was analysed: what was not is unknown, never zero."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from fashion_pipeline.store import schema
from fashion_pipeline.store.visits import MINUTE_NS

LONG_NS = 2 * 24 * 60 * MINUTE_NS
"""A longer time is read in quarters of an hour instead of minutes."""

coverage, streams = schema.coverage.c, schema.streams.c


@dataclasses.dataclass(frozen=True)
class Analysed:
    """How much of each stretch of `step_minutes` of each camera was analysed: {(camera id, number of the
    stretch): minutes}. A stretch that is not in it was not analysed."""

    minutes: dict[tuple[int, int], float]
    cameras: tuple[int, ...]
    step_minutes: int

    def share(self, begin_ns: int, end_ns: int, camera_id: int | None = None) -> float:
        """Return how much of a time was analysed, by all cameras or one: 0 to 1."""
        ids = self.cameras if camera_id is None else (camera_id,)
        step_ns = self.step_minutes * MINUTE_NS
        stretches = range(begin_ns // step_ns, -(-end_ns // step_ns))
        known = sum(self.minutes.get((id_, each), 0.0) for id_ in ids for each in stretches)
        whole = len(ids) * len(stretches) * self.step_minutes
        return min(1.0, known / whole) if whole else 0.0


def read_analysed(
    connection: sa.Connection, clock: str, begin_ns: int, end_ns: int, camera_id: int | None = None
) -> Analysed:
    """Read how much of a time on a clock was analysed. Two runs of one camera at once count as one."""
    step = 15 if end_ns - begin_ns > LONG_NS else 1
    frames = coverage.analysed + coverage.dropped + coverage.failed
    there = 1.0 - coverage.away_ms / sa.literal(60_000.0)
    share = sa.case(
        (frames == 0, 0.0), (there <= 0, 0.0), else_=sa.cast(coverage.analysed, sa.Float) / frames * there
    )
    # Whole numbers divide to whole numbers in both databases.
    stretch: sa.ColumnElement[int] = sa.literal_column(f"coverage.minute / {step}", sa.BigInteger)
    query = (
        sa.select(coverage.camera_id, stretch.label("stretch"), sa.func.sum(share))
        .join_from(schema.coverage, schema.streams, streams.id == coverage.stream_id)
        .where(
            streams.clock == clock,
            coverage.minute >= begin_ns // MINUTE_NS,
            coverage.minute <= max(begin_ns, end_ns - 1) // MINUTE_NS,
        )
        .group_by(coverage.camera_id, "stretch")
    )
    if camera_id is not None:
        query = query.where(coverage.camera_id == camera_id)
    minutes = {(row[0], row[1]): min(float(step), row[2]) for row in connection.execute(query)}
    if camera_id is not None:
        return Analysed(minutes, (camera_id,), step)
    every = connection.execute(
        sa.select(streams.camera_id).where(streams.clock == clock).distinct().order_by(streams.camera_id)
    )
    return Analysed(minutes, tuple(every.scalars()), step)
