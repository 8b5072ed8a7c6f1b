"""Rows of visits: the same whatever dies between two commits, as counting by hand would find."""

import contextlib
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_pipeline.store import schema
from fashion_pipeline.store.opening import open_store, reading
from fashion_pipeline.store.visits import MINUTE_NS
from framegraph.errors import GraphError, UnavailableError
from tests.store.kit import FRAME_NS, SECOND_NS, Seen, person, plain

STEP_NS = 7 * SECOND_NS
"""Longer than people stay in memory without being seen."""


def visits_in(database: Path) -> list[dict[str, Any]]:
    with reading(str(database)) as connection:
        found = connection.execute(sa.select(schema.visits).order_by(schema.visits.c.track))
        return [dict(row) for row in plain(found)]


@settings(deadline=None, max_examples=15)
@given(
    frames=st.lists(st.sets(st.integers(1, 4), max_size=3), min_size=1, max_size=12),
    failed=st.sets(st.integers(0, 11)),
    commits=st.sets(st.integers(0, 11)),
    deaths=st.sets(st.integers(0, 11), max_size=4),
)
def test_visits_are_what_was_seen(
    tmp_path_factory: pytest.TempPathFactory,
    frames: list[set[int]],
    failed: set[int],
    commits: set[int],
    deaths: set[int],
) -> None:
    database = tmp_path_factory.mktemp("store") / "store.db"
    seen, at = Seen(database), 0
    while at < len(frames):
        outcome = "failed" if at in failed else "analysed"
        seen.frame(at * STEP_NS, *map(person, sorted(frames[at])), outcome=outcome)
        if at in commits:
            seen.commit(seq=at)
        if at in deaths:
            deaths -= {at}
            seen.writer.close()
            seen = Seen(database)
            at = seen.position["seq"] if seen.position else -1
        at += 1
    seen.end()
    numbers = Counter(track for at, tracks in enumerate(frames) if at not in failed for track in tracks)
    when = {
        track: [at * STEP_NS for at, tracks in enumerate(frames) if at not in failed and track in tracks]
        for track in numbers
    }
    found = visits_in(database)
    assert {row["track"]: row["frames"] for row in found} == numbers
    assert {row["track"]: (row["begin_ns"], row["end_ns"]) for row in found} == {
        track: (min(times), max(times)) for track, times in when.items()
    }
    assert all(row["is_over"] for row in found)
    with reading(str(database)) as connection:
        rows = plain(connection.execute(sa.select(schema.coverage)))
    analysed = Counter(at * STEP_NS // MINUTE_NS for at in range(len(frames)) if at not in failed)
    assert {row["minute"]: row["analysed"] for row in rows if row["analysed"]} == analysed
    assert sum(row["failed"] for row in rows) == len(failed & set(range(len(frames))))


def test_a_visitor_who_is_gone_is_over_and_one_who_comes_back_is_not(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "store.db")
    seen.see(0, person(1))
    seen.see(6 * SECOND_NS)
    assert [row["is_over"] for row in visits_in(tmp_path / "store.db")] == [True]
    seen.see(8 * SECOND_NS, person(1))
    (row,) = visits_in(tmp_path / "store.db")
    assert (row["is_over"], row["begin_ns"], row["end_ns"], row["frames"]) == (False, 0, 8 * SECOND_NS, 2)
    seen.writer.close()


def test_garments_are_the_last_known_and_a_view_only_gets_better(tmp_path: Path) -> None:
    database = tmp_path / "store.db"
    seen = Seen(database)
    seen.see(0, person(1, ("Coat", "red", 0.5, True), ("Bag", "", 0.4, False)))
    seen.see(FRAME_NS, person(1, ("Coat", "blue", 0.6, True)))
    for quality, jpeg in ((5.0, b"good"), (3.0, b"worse")):
        seen.frame(2 * FRAME_NS, person(1))
        (visit,) = seen.writer.visits.changed
        visit.view = quality, jpeg
        seen.commit()
    seen.end()
    with reading(str(database)) as connection:
        worn = connection.execute(sa.select(schema.visit_garments)).all()
        views = connection.execute(sa.select(schema.best_views.c.jpeg)).scalars().all()
    assert worn == []  # the last frame said: nothing
    assert views == [b"good"]


def test_a_camera_that_was_away_leaves_parts_of_minutes(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "store.db")
    seen.see(30 * SECOND_NS)
    seen.see(150 * SECOND_NS)
    seen.end()
    with reading(str(tmp_path / "store.db")) as connection:
        rows = connection.execute(sa.select(schema.coverage.c.minute, schema.coverage.c.away_ms)).all()
    assert dict(map(tuple, rows)) == {0: 30_000, 2: 30_000}


def test_a_locked_database_is_unavailable_and_then_goes_on(tmp_path: Path) -> None:
    database = tmp_path / "store.db"
    seen = Seen(database)
    other = open_store(str(database))
    with other.begin():
        seen.frame(0, person(1))
        with pytest.raises(UnavailableError, match="locked"):
            seen.commit()
    other.dispose()
    assert seen.writer.begin() is None
    seen.see(0, person(1))
    seen.end()
    assert [row["frames"] for row in visits_in(database)] == [1]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/db", "databases of kind 'mysql' are not supported; use sqlite:///FILE"),
        ("sqlite://", "names no file; write sqlite:///FILE"),
        ("://", "is no address of a database"),
    ],
)
def test_what_is_no_database_is_refused(url: str, said: str) -> None:
    with pytest.raises(GraphError, match=said):
        open_store(url)


def test_a_database_of_a_newer_version_or_of_somebody_else_is_refused(tmp_path: Path) -> None:
    Seen(tmp_path / "store.db").end()
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as database:
        database.execute("UPDATE schema_version SET version = 99")
        database.commit()
    with pytest.raises(GraphError, match="its schema has version 99, this program knows 1; use a newer one"):
        open_store(str(tmp_path / "store.db"))
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as database:
        database.execute("CREATE TABLE visits (id)")
    with pytest.raises(GraphError, match="has tables of these names that are not ours"):
        open_store(str(tmp_path / "other.db"))
    with (
        pytest.raises(GraphError, match=r"none\.db: there is no such database"),
        reading(str(tmp_path / "none.db")),
    ):
        pass
