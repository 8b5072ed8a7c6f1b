"""Processes of this host: started, watched and killed, with their last words kept."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from framegraph.supervisor import runner
from framegraph.supervisor.guardian import Guardian
from framegraph.supervisor.runner import LocalProcess, LocalRunner, ProcessSpec, name_and_folder
from framegraph.wire.config import RunPaths
from framegraph.wire.status_page import Status

DEADLINE_S = 30.0


def until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def spec(incarnation: int) -> ProcessSpec:
    return ProcessSpec(stage="work", replica=1, incarnation=incarnation, token="secret", threads=1)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalRunner]:
    guardian = Guardian("no-run-has-this-name")
    yield LocalRunner(RunPaths(str(tmp_path)), guardian)
    guardian.close()


@pytest.fixture
def process(local: LocalRunner) -> Iterator[LocalProcess]:
    """One that waits to be told its part of a graph."""
    process = local.start(spec(3))
    yield process
    process.end()


def test_a_process_is_watched_from_its_start_to_its_end(process: LocalProcess, tmp_path: Path) -> None:
    until(lambda: process.status().heartbeat_age_s is not None)
    assert process.poll() is None
    assert len(process.fds) == 2
    assert process.memory_bytes() > 1e6
    assert name_and_folder(psutil.Process(process.pid).cmdline()) == ("work.1", str(tmp_path))

    process.kill()

    until(lambda: process.poll() is not None)
    assert process.poll() == -9
    assert not process.fds
    assert process.memory_bytes() == 0
    assert process.status().heartbeat_age_s is not None, "its last words"
    assert process.had_memory()


def test_a_process_that_has_not_said_a_word_does_not_have_its_predecessors_last_ones(
    process: LocalProcess, local: LocalRunner
) -> None:
    until(lambda: process.status().heartbeat_age_s is not None)
    process.end()
    successor = local.start(spec(4))
    assert successor.status() == Status(incarnation=4)
    until(lambda: successor.status().heartbeat_age_s is not None)
    assert process.status() == Status(incarnation=3)
    successor.end()


def test_what_it_says_on_standard_error_is_told_once_also_after_its_end(
    local: LocalRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_MODULE", "framegraph.nodes.nobody")
    process = local.start(spec(0))
    until(lambda: process.poll() is not None)
    assert process.poll() == 1
    assert "No module named framegraph.nodes.nobody" in "\n".join(process.stderr_lines())
    assert process.stderr_lines() == []


def test_nothing_is_kept_of_a_place_that_no_process_has_any_more(
    process: LocalProcess, tmp_path: Path
) -> None:
    process.end()
    assert list(tmp_path.iterdir())
    process.forget()
    assert not list(tmp_path.iterdir())


def test_a_command_of_another_kind_is_no_process_of_a_run() -> None:
    assert name_and_folder(["python", "-m", "framegraph.supervisor.guardian", "3", "run"]) is None
