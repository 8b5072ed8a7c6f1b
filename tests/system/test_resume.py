"""A run that goes on after its launcher was killed, and what outputs survive."""

import json
import signal
from pathlib import Path

import psutil
import pytest

from tests.launching import Launched, lines, wait_for
from tests.system.graphs import cheap_graph, diary_of, is_joined
from tests.system.test_machine import assert_complete, is_under_way


def test_a_killed_launcher_is_resumed_where_its_sinks_stopped(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=300, work={"sleep_ms": 5, "raise_every": 50})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path, 120), "frames", run)
        run.process.kill()
    with Launched(graph, "--resume", folder=tmp_path) as run:
        assert run.wait() == 3, run.stderr
        assert "300 captured, 294 delivered" in run.stdout
        assert "first committed frame" not in run.stdout  # that was before this command
        assert "frames/s between" not in run.stdout
        assert "people:" not in run.stdout  # no stage of this graph looks for people
    records = assert_complete(tmp_path, 300)
    assert len({record["run"] for record in records}) == 1
    assert [record["seq"] for record in records if record["status"] != "ok"] == list(range(49, 300, 50))
    ledger = json.loads((tmp_path / "out/ledger.json").read_text())["sources"]["counter"]
    assert ledger == {"captured": 300, "delivered": 294, "dropped": {}, "failed": {"work": 6}, "in_flight": 0}


@pytest.mark.slow
def test_resuming_is_refused_for_another_graph_and_without_a_run(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100_000, work={"sleep_ms": 5})
    with Launched(graph, "--resume", folder=tmp_path) as run:
        assert run.wait() == 2
        assert "nothing to resume" in run.stderr
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        run.process.kill()
    before = lines(tmp_path / "out/results.jsonl")
    with Launched(graph, "--resume", "--set", "work.sleep-ms=6", folder=tmp_path) as run:
        assert run.wait() == 2
        assert "cannot resume" in run.stderr
    assert lines(tmp_path / "out/results.jsonl")[: len(before)] == before


@pytest.mark.slow
def test_numbers_of_an_ordered_stage_go_on_in_a_resumed_run(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=200, ordered=True, work={"sleep_ms": 5})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path, 80), "frames", run)
        run.process.kill()
    with Launched(graph, "--resume", folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    numbers = [record["tally"] for record in assert_complete(tmp_path, 200)]
    assert numbers == sorted(set(numbers))


@pytest.mark.slow
def test_a_sink_that_had_not_begun_begins_in_a_resumed_run(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=200, work={"sleep_ms": 5}, diary={})
    (tmp_path / "out").mkdir()
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path, 40), "frames", run)
        run.process.kill()
        psutil.wait_procs(run.children(), timeout=5)
    # As if the launcher had been killed before this sink's process had opened its file: what is in it is older.
    (tmp_path / "out/diary.txt.progress").write_bytes(b"")
    (tmp_path / "out/diary.txt").write_text("0 of an earlier run\n")
    with Launched(graph, "--resume", folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 200)} == {"ok"}
    assert diary_of(tmp_path) == [f"{seq} ok" for seq in range(200)]


@pytest.mark.slow
def test_a_stopped_run_has_nothing_to_resume(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100_000, diary={"finish_s": 30.0}, work={"sleep_ms": 5})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        run.signal(signal.SIGINT)
        wait_for(lambda: is_joined(tmp_path / "out/film.mp4"), "the joined film", run)
        run.process.kill()
    with Launched(graph, "--resume", folder=tmp_path) as run:
        assert run.wait() == 2
        assert "was completed when the run was stopped" in run.stderr


@pytest.mark.parametrize("fsync", ["fragment", "always"])
@pytest.mark.slow
def test_outputs_can_be_made_to_survive_more(tmp_path: Path, fsync: str) -> None:
    graph = cheap_graph(tmp_path, frames=40, film={"fsync": fsync}, results={"fsync": fsync})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 40)} == {"ok"}
