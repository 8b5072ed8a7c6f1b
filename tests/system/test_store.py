"""A store_sink in a real graph: after kills no visit is lost or doubled, in SQLite and in PostgreSQL."""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from fashion_pipeline.store import schema
from fashion_pipeline.store.opening import open_store
from tests.debian import needs
from tests.launching import PROJECT, Launched, lines, wait_for

KILLS = 10


def _has_lines(path: Path, number: int) -> bool:
    return len(lines(path)) >= number


def graph_of(folder: Path, url: str) -> Path:
    """The sample with people found by a cheap detector, into a database and into lines."""
    stages = {
        "camera": {"type": "source", "uri": str(PROJECT / "samples/plaza.mp4"), "width": 320},
        "detect": {"type": "detect", "model": "nanodet"},
        "track": {"type": "track"},
        "store": {"type": "store_sink", "url": url},
        "results": {"type": "json_sink", "location": "results.jsonl"},
    }
    path = folder / "graph.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "stages": stages,
                "links": ["camera ! detect ! track ! store", "track ! results"],
                "ledger": "ledger.json",
            }
        )
    )
    return path


def check(folder: Path, url: str) -> None:
    """Compare visits with the tracks of the lines, coverage with the ledger."""
    expected: Counter[int] = Counter()
    for record in lines(folder / "results.jsonl"):
        expected.update(person["track"] for person in record["people"])
    engine = open_store(url)
    with engine.connect() as connection:
        visits = connection.execute(sa.select(schema.visits.c.track, schema.visits.c.frames)).all()
        analysed = connection.execute(sa.select(sa.func.sum(schema.coverage.c.analysed))).scalar()
        over = connection.execute(sa.select(schema.visits.c.is_over)).scalars().all()
        views = connection.execute(sa.select(sa.func.count()).select_from(schema.best_views)).scalar()
    engine.dispose()
    assert len(visits) == len({track for track, _frames in visits})
    assert dict(map(tuple, visits)) == expected
    assert all(over)
    assert views == len(visits)
    ledger = json.loads((folder / "ledger.json").read_text())
    assert analysed == ledger["sources"]["camera"]["delivered"] == 160


def kill_at_random(run: Launched, folder: Path, names: list[str]) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for number in range(KILLS):
        enough = 120 * number // KILLS
        wait_for(partial(_has_lines, folder / "results.jsonl", enough), "results", run)
        run.child(chance.choice(names)).send_signal(signal.SIGKILL)


@pytest.mark.slow
def test_after_kills_each_visit_is_there_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with Launched(graph_of(tmp_path, url), folder=tmp_path) as run:
        kill_at_random(run, tmp_path, ["store.0", "store.0", "track.0", "detect.0", "camera.0"])
        assert run.wait() == 0, run.stderr
    check(tmp_path, url)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A PostgreSQL server of its own: (address of a database, its data folder). It refuses to run as root."""
    needs("postgresql")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    data, sockets = tmp_path / "postgres", Path(f"/tmp/pg{os.getpid()}")
    as_user: list[str | Path] = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    for folder in (data, sockets):
        folder.mkdir()
    if as_user:
        for folder in (tmp_path, *tmp_path.parents):
            if folder.owner() == "root" and folder != Path("/") and folder != Path("/tmp"):
                folder.chmod(0o755)
        subprocess.run(["chown", "postgres", data, sockets], check=True)
    subprocess.run(
        [*as_user, programs / "initdb", "-D", data, "-A", "trust", "-U", "fashion", "--no-sync"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    options = f"-c listen_addresses='' -c unix_socket_directories={sockets} -c fsync=off"
    start = [*as_user, programs / "pg_ctl", "-D", data, "-w", "-o", options, "-l", data / "log", "start"]
    subprocess.run(start, check=True, capture_output=True, cwd="/")
    try:
        yield f"postgresql+psycopg://fashion@/postgres?host={sockets}", data
    finally:
        stop = [*as_user, programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"]
        subprocess.run(stop, check=False, capture_output=True, cwd="/")
        for path in sockets.iterdir():
            path.unlink()
        sockets.rmdir()


@pytest.mark.slow
def test_postgres_too_and_its_server_may_be_killed(tmp_path: Path, postgres: tuple[str, Path]) -> None:
    url, data = postgres
    with Launched(graph_of(tmp_path, url), folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "results.jsonl")) > 20, "results", run)
        server = int((data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(server, signal.SIGKILL)
        wait_for(lambda: "waiting for the database" in run.stderr, "a warning", run)
        _start_again(data)
        kill_at_random(run, tmp_path, ["store.0", "track.0"])
        assert run.wait() == 0, run.stderr
    check(tmp_path, url)


def _start_again(data: Path) -> None:
    """Start a server whose first process was killed: its others have to have ended."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    as_user: list[str | Path] = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    options = (data / "postmaster.opts").read_text().split(maxsplit=1)[1].strip()
    until_s = time.monotonic() + 30
    while True:
        with contextlib.suppress(FileNotFoundError):
            (data / "postmaster.pid").unlink()
        words = [*as_user, programs / "pg_ctl", "-D", data, "-w", "-l", data / "log", "start"]
        done = subprocess.run(
            [*words, "-o", options.replace('"', "").replace(f"-D {data}", "")],
            check=False,
            capture_output=True,
            cwd="/",
        )
        if done.returncode == 0:
            return
        assert time.monotonic() < until_s, (data / "log").read_text()
