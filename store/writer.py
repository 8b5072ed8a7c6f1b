"""Writes what one stage sees of one source: rows and position in one transaction."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from fashion_pipeline.store import schema
from fashion_pipeline.store.opening import open_store, unavailable
from fashion_pipeline.store.retention import remove_old, remove_surplus
from fashion_pipeline.store.upserts import add_up
from fashion_pipeline.store.visits import MINUTE_NS, Moment, Visit, Visits, ends

AWAY_AFTER_NS = 2_000_000_000
"""A pause between two frames of a live stream that counts as time without it."""
_OUTCOMES = ("analysed", "dropped", "failed", "away_ms")
_PLACE = ("run", "stage", "source")


class StreamWriter:
    """The rows of one source in one run. After `begin` it knows what is committed, and nothing else."""

    def __init__(self, url: str, *, run: str, stage: str, source: str) -> None:
        self._url = url
        self._key = {"run": run, "stage": stage, "source": source}
        self._engine: sa.Engine | None = None

    def begin(self) -> dict[str, Any] | None:
        """Connect, forget what is not committed, and return the position, None if there is none."""
        if self._engine is None:
            self._engine = open_store(self._url)
        self._coverage: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_OUTCOMES, 0))
        self._stream: dict[str, Any] | None = None
        self._ids: tuple[int, int] | None = None
        self._words: dict[tuple[str, str], int] = {}
        self._last: Moment | None = None
        self._is_ended = False
        table = schema.positions.c
        where = [table[name] == value for name, value in self._key.items()]
        with unavailable(self._engine), self._engine.begin() as connection:
            text = connection.execute(sa.select(table.record).where(*where)).scalar()
            self.visits = Visits(self._present(connection) if text else ())
        return json.loads(text) if text else None

    def _present(self, connection: sa.Connection) -> list[Visit]:
        """Return those who are there, as an earlier process wrote them."""
        visits, streams, cameras, views = (
            each.c for each in (schema.visits, schema.streams, schema.cameras, schema.best_views)
        )
        found = connection.execute(
            sa.select(visits.id, visits.track, visits.end_ns, visits.end_pts_ns, views.quality)
            .join_from(schema.visits, schema.streams, streams.id == visits.stream_id)
            .join(schema.cameras, cameras.id == streams.camera_id)
            .outerjoin(schema.best_views, views.visit_id == visits.id)
            .where(streams.run == self._key["run"], cameras.name == self._key["source"], ~visits.is_over)
        )
        present = []
        for id_, track, end_ns, end_pts_ns, quality in found:
            at = Moment(clock_ns=end_ns, pts_ns=end_pts_ns)
            present.append(Visit(track=track, first=at, last=at, best_quality=quality or 0.0, id=id_))
        return present

    def remove(self, *, keep_s: float, max_bytes: int, now_ns: int) -> tuple[int, int]:
        """Remove what is too old or too much, a part at a time; return (visits by age, visits by size)."""
        assert self._engine is not None
        by_age = by_size = 0
        with unavailable(self._engine), self._engine.begin() as connection:
            if keep_s:
                by_age = remove_old(connection, now_ns - round(keep_s * 1e9))
            if max_bytes:
                by_size = remove_surplus(connection, max_bytes)
        return by_age, by_size

    def others(self) -> list[str]:
        """Return the other stages that have written what this run saw of this source."""
        assert self._engine is not None
        table = schema.positions.c
        where = table.run == self._key["run"], table.source == self._key["source"]
        with unavailable(self._engine), self._engine.begin() as connection:
            stages = connection.execute(sa.select(table.stage).where(*where)).scalars()
            return [stage for stage in stages if stage != self._key["stage"]]

    # What a frame adds

    def frame(self, at: Moment, *, uri: str, clock: str, outcome: str) -> None:
        """Note a frame: `outcome` is analysed or failed; `clock` is "wall" or "film"."""
        if self._stream is None:
            self._stream = {"uri": uri, "clock": clock, "begin_ns": at.clock_ns, "end_ns": at.clock_ns}
        self._stream["end_ns"] = max(self._stream["end_ns"], at.clock_ns)
        self._coverage[at.clock_ns // MINUTE_NS][outcome] += 1
        last, self._last = self._last, at
        if clock == "wall" and last is not None and at.clock_ns - last.clock_ns > AWAY_AFTER_NS:
            # Minutes between them have no row, and are not known.
            for minute, part_ns in ends(last.clock_ns, at.clock_ns).items():
                self._coverage[minute]["away_ms"] += part_ns // 1_000_000

    def dropped(self, count: int) -> None:
        """Note frames that were dropped, in the minute of the last frame."""
        minute = self._last.clock_ns // MINUTE_NS if self._last is not None else 0
        self._coverage[minute]["dropped"] += count

    # Commit

    def commit(self, position: dict[str, Any]) -> None:
        """Write all since the last commit, with the position."""
        assert self._engine is not None
        with unavailable(self._engine), self._engine.begin() as connection:
            if self._stream is not None:
                self._write(connection)
            if self._is_ended:
                self._all_leave(connection)
            record = {"digest": position["digest"], "record": json.dumps(position, separators=(",", ":"))}
            connection.execute(
                *add_up(connection, schema.positions, _PLACE, [self._key | record], latest=tuple(record))
            )
        self.visits.committed()
        self._coverage.clear()

    def _write(self, connection: sa.Connection) -> None:
        stream_id, camera_id = self._stream_of(connection)
        both = {"stream_id": stream_id, "camera_id": camera_id}
        if self._coverage:
            rows = [{**both, "minute": minute, **counts} for minute, counts in self._coverage.items()]
            connection.execute(
                *add_up(connection, schema.coverage, ("stream_id", "minute"), rows, added=_OUTCOMES)
            )
        changed = self.visits.changed
        if not changed:
            return
        rows = [
            {
                **both,
                "track": visit.track,
                "begin_ns": visit.first.clock_ns,
                "end_ns": visit.last.clock_ns,
                "begin_pts_ns": visit.first.pts_ns,
                "end_pts_ns": visit.last.pts_ns,
                "frames": visit.frames,
                "is_over": visit.is_over,
            }
            for visit in changed
        ]
        connection.execute(
            *add_up(
                connection,
                schema.visits,
                ("stream_id", "track"),
                rows,
                added=("frames",),
                latest=("end_ns", "end_pts_ns", "is_over"),
            )
        )
        self._write_details(connection, stream_id)

    def _write_details(self, connection: sa.Connection, stream_id: int) -> None:
        """Write the garments and views that are new."""
        newly = [visit for visit in self.visits.changed if visit.is_worn_new or visit.view is not None]
        unknown = {visit.track: visit for visit in newly if visit.id is None}
        if unknown:
            visits = schema.visits.c
            found = connection.execute(
                sa.select(visits.track, visits.id).where(
                    visits.stream_id == stream_id, visits.track.in_(unknown)
                )
            )
            for track, id_ in found:
                unknown[track].id = id_
        worn = [visit for visit in newly if visit.is_worn_new]
        if worn:
            table = schema.visit_garments
            connection.execute(table.delete().where(table.c.visit_id.in_([visit.id for visit in worn])))
            rows = [
                {
                    "visit_id": visit.id,
                    "label_id": self._word(
                        connection, schema.labels, name=garment.label, region=garment.region
                    ),
                    "color_id": self._word(connection, schema.colors, name=garment.color),
                    "is_told": garment.is_told,
                    "probability": garment.probability,
                }
                for visit in worn
                for garment in visit.worn
            ]
            if rows:
                connection.execute(table.insert(), rows)
        views = [
            {"visit_id": visit.id, "quality": visit.view[0], "jpeg": visit.view[1]}
            for visit in newly
            if visit.view is not None
        ]
        if views:
            connection.execute(
                *add_up(connection, schema.best_views, ("visit_id",), views, best="quality", latest=("jpeg",))
            )

    def _word(self, connection: sa.Connection, table: sa.Table, *, name: str, **more: str) -> int:
        """Return the id of a label or colour, making it if it is new."""
        found = self._words.get((table.name, name))
        if found is None:
            connection.execute(*add_up(connection, table, ("name",), [{"name": name, **more}]))
            found = connection.execute(sa.select(table.c.id).where(table.c.name == name)).scalar_one()
            self._words[table.name, name] = found
        return found

    def _all_leave(self, connection: sa.Connection) -> None:
        """Let those go whom nobody saw leave: the stream has ended."""
        visits, streams, cameras = schema.visits.c, schema.streams.c, schema.cameras.c
        ours = (
            sa.select(streams.id)
            .join(schema.cameras, cameras.id == streams.camera_id)
            .where(streams.run == self._key["run"], cameras.name == self._key["source"])
        )
        connection.execute(schema.visits.update().where(visits.stream_id.in_(ours)).values(is_over=True))

    def _stream_of(self, connection: sa.Connection) -> tuple[int, int]:
        """Return the ids of stream and camera, having written how far the stream is."""
        assert self._stream is not None
        stream, streams = self._stream, schema.streams.c
        if self._ids is None:
            camera = {"name": self._key["source"]}
            connection.execute(*add_up(connection, schema.cameras, ("name",), [camera]))
            camera_id = connection.execute(
                sa.select(schema.cameras.c.id).where(schema.cameras.c.name == camera["name"])
            ).scalar_one()
            row = {"run": self._key["run"], "camera_id": camera_id, **stream}
            connection.execute(
                *add_up(connection, schema.streams, ("run", "camera_id", "clock"), [row], latest=("end_ns",))
            )
            stream_id = connection.execute(
                sa.select(streams.id).where(
                    streams.run == row["run"], streams.camera_id == camera_id, streams.clock == row["clock"]
                )
            ).scalar_one()
            self._ids = stream_id, camera_id
            return self._ids
        connection.execute(
            schema.streams.update().where(streams.id == self._ids[0]).values(end_ns=stream["end_ns"])
        )
        return self._ids

    def finish(self) -> None:
        """Note the end of the stream: everybody leaves."""
        self._is_ended = True

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


def last_position(url: str, digest: str, stage: str, source: str) -> dict[str, Any] | None:
    """Return the newest position of any run of a graph."""
    engine = open_store(url, is_new_allowed=False)
    table = schema.positions.c
    newest = (
        sa.select(table.record)
        .where(table.digest == digest, table.stage == stage, table.source == source)
        .order_by(table.number.desc())
        .limit(1)
    )
    try:
        with engine.begin() as connection:
            text = connection.execute(newest).scalar()
    finally:
        engine.dispose()
    return json.loads(text) if text else None
