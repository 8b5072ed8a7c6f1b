"""Sinks that commit to a database: after any kill each frame is in it once, in order; a database that is away
is waited for; a run that was cut off goes on where the database is."""

import contextlib
import json
import random
import signal
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.launching import Launched, wait_for

FRAMES = 800
KILLS = 8


def graph_of(folder: Path, frames: int = FRAMES) -> Path:
    """Two blank sources, of which one is slow enough to be in the middle of it for some time."""
    stages = {
        "blank": {"type": "benchmarks.cheap.Blank", "frames": frames, "width": 64, "height": 48},
        "other": {"type": "benchmarks.cheap.Blank", "frames": frames // 2, "width": 64, "height": 48},
        "work": {"type": "benchmarks.cheap.Pass", "replicas": 2},
        "rows": {"type": "tests.framegraph.transactional.Rows", "database": "rows.db"},
    }
    path = folder / "graph.yaml"
    path.write_text(
        yaml.safe_dump(
            {"stages": stages, "links": ["blank ! work ! rows", "other ! work"], "ledger": "ledger.json"}
        )
    )
    return path


def rows(folder: Path, source: str = "blank") -> list[int]:
    if not (folder / "rows.db").exists():
        return []
    with contextlib.closing(sqlite3.connect(folder / "rows.db")) as database:
        try:
            found = database.execute("SELECT seq FROM frames WHERE source = ? ORDER BY rowid", (source,))
            return [row[0] for row in found]
        except sqlite3.OperationalError:  # no table yet, or locked
            return []


def _has_rows(folder: Path, number: int) -> bool:
    return len(rows(folder)) > number


def _process(run: Launched, name: str) -> Any:
    return next((child for child in run.children() if name in child.cmdline()), None)


def check(folder: Path, frames: int = FRAMES) -> None:
    assert rows(folder) == list(range(frames))
    assert rows(folder, "other") == list(range(frames // 2))
    ledger = json.loads((folder / "ledger.json").read_text())
    assert ledger["balanced"]
    assert ledger["sources"]["blank"]["delivered"] == frames


@pytest.mark.slow
def test_after_kills_each_frame_is_in_the_database_once(tmp_path: Path) -> None:
    chance = random.Random(7)
    with Launched(graph_of(tmp_path), folder=tmp_path) as run:
        for number in range(KILLS):
            enough = number * FRAMES // (2 * KILLS)
            wait_for(partial(_has_rows, tmp_path, enough), "rows", run)
            name = chance.choice(["rows.0", "rows.0", "work.0", "blank.0", "other.0"])
            with contextlib.suppress(AssertionError):
                # `other` may have ended by now.
                wait_for(partial(_process, run, name), name, run, timeout_s=2).kill()
        assert run.wait() == 0, run.stderr
    check(tmp_path)


@pytest.mark.slow
def test_a_database_that_is_locked_is_waited_for(tmp_path: Path) -> None:
    with Launched(graph_of(tmp_path), folder=tmp_path) as run:
        wait_for(lambda: len(rows(tmp_path)) > FRAMES // 10, "rows", run)
        with contextlib.closing(sqlite3.connect(tmp_path / "rows.db", isolation_level=None)) as other:
            until_s = time.monotonic() + 60
            while True:
                try:
                    other.execute("BEGIN IMMEDIATE")
                    break
                except sqlite3.OperationalError:
                    assert time.monotonic() < until_s
            wait_for(lambda: "database is locked; waiting" in run.stderr, "a warning", run)
            run.child("rows.0").send_signal(signal.SIGKILL)
            wait_for(lambda: run.stderr.count("database is locked; waiting") > 1, "its successor's", run)
            other.execute("ROLLBACK")
        assert run.wait() == 0, run.stderr
        assert "can be written again" in run.stderr + run.stdout
    check(tmp_path)


@pytest.mark.slow
def test_a_run_that_was_cut_off_goes_on_where_the_database_is(tmp_path: Path) -> None:
    graph = graph_of(tmp_path)
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: len(rows(tmp_path)) > FRAMES // 10, "rows", run)
        run.signal(signal.SIGKILL)
        run.wait()
    assert len(rows(tmp_path)) < FRAMES
    with Launched(graph, "--resume", folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    assert rows(tmp_path) == list(range(FRAMES))
    assert rows(tmp_path, "other") == list(range(FRAMES // 2))
    with Launched(graph, "--resume", folder=tmp_path) as run:
        assert run.wait() == 2
        assert "nothing to resume" in run.stderr
