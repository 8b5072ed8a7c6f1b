"""Starting in any order, and stopping at any moment."""

import contextlib
import json
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.launching import Launched, lines, wait_for
from tests.system.graphs import cheap_graph, diary_of
from tests.system.test_machine import assert_complete, is_under_way


@pytest.mark.slow
def test_a_stage_that_starts_late_is_waited_for(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=30, work={"open_sleep_s": 3.0}, counter={"resend_after": 0.5})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 30)} == {"ok"}


@pytest.mark.slow
def test_ctrl_c_while_a_process_restarts_completes_the_files(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100_000, work={"sleep_ms": 5})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        run.child("work.0").kill()
        run.signal(signal.SIGINT)
        assert run.wait() == 130, run.stderr
    assert_complete(tmp_path, len(lines(tmp_path / "out/results.jsonl")))


@pytest.mark.slow
def test_a_closed_terminal_completes_the_files(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100_000, work={"sleep_ms": 5})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        run.signal(signal.SIGHUP)
        assert run.wait() == 129, run.stderr
    assert_complete(tmp_path, len(lines(tmp_path / "out/results.jsonl")))


@pytest.mark.slow
def test_what_a_stop_finds_on_its_way_has_the_same_outcome_in_files_and_ledger(tmp_path: Path) -> None:
    graph = cheap_graph(
        tmp_path, frames=100_000, diary={"sleep_ms": 60}, counter={"drain": 0.3, "window": 12}
    )
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path, 30), "frames", run)
        run.signal(signal.SIGINT)
        assert run.wait() == 130, run.stderr
    records = lines(tmp_path / "out/results.jsonl")
    assert_complete(tmp_path, len(records))
    sums = json.loads((tmp_path / "out/ledger.json").read_text())["sources"]["counter"]
    said = [line.split()[1] for line in diary_of(tmp_path)]
    assert sums["in_flight"] == 0
    assert sums["delivered"] == said.count("ok")
    assert sums["dropped"].get("flushed", 0) == said.count("flushed")


@pytest.mark.slow
def test_a_source_without_a_frame_ends(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=0)
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait(20.0) == 0, run.stderr
    assert lines(tmp_path / "out/results.jsonl") == []


def test_ctrl_c_before_the_first_frame_ends_the_run(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100_000, work={"open_sleep_s": 2.0})
    with Launched(graph, folder=tmp_path) as run:
        run.child("results.0")
        run.signal(signal.SIGINT)
        assert run.wait(20.0) == 130, run.stderr


@pytest.mark.slow
def test_a_stage_that_starts_twenty_seconds_late_is_waited_for(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=30, work={"open_sleep_s": 20.0})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 30)} == {"ok"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "order",
    [
        ("counter", "work", "results", "film"),
        ("film", "results", "work", "counter"),
        ("work", "film", "counter", "results"),
        ("results", "counter", "film", "work"),
    ],
)
def test_processes_may_start_in_any_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    graph = cheap_graph(tmp_path, frames=30)
    with Launched(graph, folder=tmp_path) as run:
        stopped = {name: run.child(f"{name}.0") for name in order}
        for child in stopped.values():
            child.send_signal(signal.SIGSTOP)
        for name in order:
            stopped[name].send_signal(signal.SIGCONT)
            # The next one starts when this one waits for it; after the last, the run may be over at once.
            used_s = -1.0
            with contextlib.suppress(psutil.NoSuchProcess):
                while used_s < (used_s := stopped[name].cpu_times().user):
                    time.sleep(0.5)
        assert run.wait() == 0, run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 30)} == {"ok"}


@pytest.mark.slow
def test_a_low_limit_of_descriptors_is_raised(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=30, work={"replicas": 6})
    # Enough for the interpreter to start; without raising it the run cannot.
    with Launched(graph, folder=tmp_path, through=("sh", "-c", 'ulimit -S -n 32; exec "$0" "$@"')) as run:
        assert run.wait() == 0, run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 30)} == {"ok"}
