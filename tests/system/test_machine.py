"""The machine on cheap stages: processes, order, signals, kills. Real processes, real sockets, real kills."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.launching import Launched, film_times, lines, seqs, wait_for
from tests.system.cheap_stages import FRAME_NS
from tests.system.graphs import cheap_graph


def assert_complete(folder: Path, frames: int) -> list[dict]:
    records = lines(folder / "out/results.jsonl")
    assert seqs(records) == list(range(frames))
    for record in records:
        if record["status"] == "ok":
            # What the stage read from the pixels is the number of the frame: never another one's pixels.
            assert record["number"] == record["seq"]
    times = film_times(folder / "out/film.mp4")
    assert times == pytest.approx([seq * FRAME_NS / 1e9 for seq in range(frames)], abs=1e-4)
    ledger = json.loads((folder / "out/ledger.json").read_text())
    assert ledger["balanced"] is True
    assert ledger["sources"]["counter"]["captured"] == frames
    return records


def is_under_way(folder: Path, count: int = 5) -> bool:
    return len(lines(folder / "out/results.jsonl")) >= count


def test_each_stage_is_a_process_with_its_own_name(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=2000, work={"sleep_ms": 5})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        names = {child.name() for child in run.children()}
        assert names == {"counter.0", "work.0", "results.0", "film.0"}
        assert len({child.pid for child in run.children()}) == 4


@pytest.mark.slow
def test_several_replicas_give_the_same_records_as_one(tmp_path: Path) -> None:
    found = []
    for replicas in (1, 3):
        folder = tmp_path / str(replicas)
        folder.mkdir()
        graph = cheap_graph(folder, frames=60, work={"replicas": replicas, "sleep_ms": 3})
        with Launched(graph, folder=folder) as run:
            assert run.wait() == 0, run.stderr
        records = assert_complete(folder, 60)
        for record in records:
            for changing in ("run", "capture_time_ns"):
                del record[changing]
        found.append(records)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "victim",
    [
        "film.0",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("counter.0", "work.0", "results.0")),
    ],
)
def test_a_killed_process_costs_no_frame(tmp_path: Path, victim: str) -> None:
    graph = cheap_graph(tmp_path, frames=150, work={"sleep_ms": 10})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        run.child(victim).kill()
        assert run.wait() == 0, run.stderr
        assert f"{victim} was started again 1 time" in run.stdout
    records = assert_complete(tmp_path, 150)
    assert {record["status"] for record in records} == {"ok"}


def test_ctrl_c_completes_the_files_and_a_second_one_stops_at_once(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100_000, work={"sleep_ms": 5})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        run.signal(signal.SIGINT)
        assert run.wait() == 130, run.stderr
        assert not run.children()
    records = lines(tmp_path / "out/results.jsonl")
    assert_complete(tmp_path, len(records))

    again = tmp_path / "again"
    again.mkdir()
    graph = cheap_graph(again, frames=100_000, work={"sleep_ms": 20_000})
    with Launched(graph, folder=again) as run:
        run.child("work.0")
        wait_for((again / "out/results.jsonl").exists, "a results file", run)
        run.signal(signal.SIGINT)
        wait_for(lambda: "finishing what is under way" in run.stderr, "word of the first Ctrl-C", run)
        run.signal(signal.SIGINT)
        assert run.wait(5.0) == 130, run.stderr


def test_sigterm_completes_the_files(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100_000, work={"sleep_ms": 5})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        run.signal(signal.SIGTERM)
        assert run.wait() == 143, run.stderr
    assert_complete(tmp_path, len(lines(tmp_path / "out/results.jsonl")))


def test_a_killed_launcher_takes_its_children_along_and_the_next_start_cleans_up(tmp_path: Path) -> None:
    # A folder of its own: every launcher that starts, in another test too, cleans up in /dev/shm.
    place = tmp_path / "pools"
    place.mkdir()
    counter = {"pool": str(place)}
    graph = cheap_graph(tmp_path, frames=100_000, counter=counter, work={"sleep_ms": 5})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        children = run.children()
        assert len(children) == 4
        run.process.kill()
        _gone, alive = psutil.wait_procs(children, timeout=2.0)
        assert not alive
        folders = list(run.temporary.glob("framegraph-*/*"))
        assert len(folders) == 1
        pools = list(place.glob(f"{folders[0].name}-*"))
        assert sorted(pool.name.split("-")[3] for pool in pools) == ["counter", "launcher.lock"]
    graph = cheap_graph(tmp_path, frames=20, counter=counter)
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert not list(run.temporary.glob("framegraph-*/*"))
    assert not any(pool.exists() for pool in pools)
    assert_complete(tmp_path, 20)


@pytest.mark.slow
def test_a_running_run_is_not_cleaned_away_by_another(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=300, work={"sleep_ms": 5})
    other = tmp_path / "other"
    other.mkdir()
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        shared = {"TMPDIR": str(run.temporary)}
        with Launched(cheap_graph(other, frames=10), folder=other, env=shared) as second:
            assert second.wait() == 0, second.stderr
        assert run.wait() == 0, run.stderr
    assert_complete(tmp_path, 300)
    assert_complete(other, 10)


def test_two_runs_on_one_location_are_refused(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100_000, work={"sleep_ms": 5})
    other = tmp_path / "other"
    other.mkdir()
    results = tmp_path / "out/results.jsonl"
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        second_graph = cheap_graph(other, frames=10)
        with Launched(second_graph, "--set", f"results.location={results}", folder=other) as second:
            assert second.wait() == 2
            assert "is being written by another run" in second.stderr
        assert is_under_way(tmp_path)


def test_a_stage_that_cannot_load_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100, work={"open_fails": True})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 1
        assert "RuntimeError: the model is not to be had" in run.stderr
        assert "started again" not in run.stdout


def test_an_exception_fails_only_its_frame_and_the_exit_status_says_so(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=50, work={"raise_every": 10})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 3, run.stderr
        assert "is not to my taste" in run.stderr
    records = assert_complete(tmp_path, 50)
    failed = [record["seq"] for record in records if record["status"] == "failed(work)"]
    assert failed == [9, 19, 29, 39, 49]
    assert all("people" not in records[seq] for seq in failed)
    ledger = json.loads((tmp_path / "out/ledger.json").read_text())
    assert ledger["sources"]["counter"]["failed"] == {"work": 5}


def test_an_exception_that_does_not_come_again_costs_nothing(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=30, work={"raise_once_on": 7, "marker": str(tmp_path / "marker")})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 30)} == {"ok"}


@pytest.mark.slow
def test_ten_exceptions_in_a_row_end_the_run(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100, work={"raise_every": 1})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 1, run.stderr
        assert "10 frames in a row failed" in run.stderr


def test_no_room_for_the_pool_is_said_before_anything_is_written(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=10, counter={"size": 4000, "frame_store": 8192})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 1
        assert "no room for the pixel pool: it needs 393216.0 MB" in run.stderr


def test_no_socket_or_pool_can_be_opened_by_others(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100_000, work={"sleep_ms": 5})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        (folder,) = run.temporary.glob("framegraph-*/*")
        assert folder.stat().st_mode & 0o777 == 0o700
        pools = list(Path("/dev/shm").glob(f"{folder.name}-*"))
        assert [pool.stat().st_mode & 0o777 for pool in pools] == [0o600, 0o600]
        assert os.stat(folder.parent).st_mode & 0o777 == 0o700
