"""What stages start or fork ends with them, and with the launcher, however that ends; signals that are ignored."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.launching import Launched, lines, seqs, wait_for
from tests.system.graphs import cheap_graph
from tests.system.test_machine import assert_complete

STAGE = """
import os
import subprocess
import sys
import time

from framegraph.stage import Stage


class Parent(Stage):
    def open(self):
        subprocess.Popen(["sleep", "1000"])
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
        subprocess.Popen(["sleep", "1000"], env={})
        if not os.fork():
            os.setsid()
            time.sleep(1000)
            os._exit(0)

    def process(self, packet):
        time.sleep(0.02)
        return packet
"""


def graph_of(folder: Path, frames: int = 200) -> Path:
    (folder / "parents.py").write_text(STAGE)
    graph = cheap_graph(folder, frames=frames)
    text = graph.read_text().replace("counter ! work", "counter ! parent ! work")
    graph.write_text(text.replace("stages:\n", "stages:\n  parent: {type: parents.Parent}\n"))
    return graph


def family(run: Launched) -> set[psutil.Process]:
    """What the stage has started: it has the run's mark, or has lost it and is of the stage's session."""
    name, found, session = only_run(run), set(), run.child("parent.0").pid
    for process in psutil.process_iter():
        try:
            is_of_stage = process.environ().get("FRAMEGRAPH_RUN") == name or os.getsid(process.pid) == session
            if is_of_stage and process.ppid() != run.process.pid:
                found.add(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # ended, and nobody has asked for its status
    except psutil.NoSuchProcess:
        return True


def only_run(run: Launched) -> str:
    [folder] = [path for path in run.temporary.glob("framegraph-*/2*") if path.is_dir()]
    return folder.name


@pytest.mark.slow
def test_a_launcher_that_is_killed_takes_all_of_it_along(tmp_path: Path) -> None:
    with Launched(graph_of(tmp_path), folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) > 3, "first results", run)
        started = family(run)
        children = run.children()
        assert len(started) == 4
        run.process.kill()
        run.process.wait()
        _gone, alive = psutil.wait_procs([*started, *children], timeout=2)
        assert not alive
    # The next start removes what the dead run left.
    with Launched(graph_of(tmp_path, frames=3), folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr


def test_what_a_process_has_started_ends_with_it(tmp_path: Path) -> None:
    with Launched(graph_of(tmp_path), folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) > 3, "first results", run)
        started = family(run)
        run.child("parent.0").kill()
        _gone, alive = psutil.wait_procs(started, timeout=20)
        assert not alive
        assert run.wait() == 0, run.stderr
    assert_complete(tmp_path, 200)


def test_a_run_that_ends_leaves_nothing(tmp_path: Path) -> None:
    with Launched(graph_of(tmp_path, frames=20), folder=tmp_path) as run:
        wait_for(lambda: lines(tmp_path / "out/results.jsonl"), "first results", run)
        started = family(run)
        assert run.wait() == 0, run.stderr
        assert started
        assert all(is_gone(process) for process in started)


@pytest.mark.slow
def test_an_ignored_hang_up_stays_ignored(tmp_path: Path) -> None:
    through = ("bash", "-c", "trap '' HUP; exec \"$@\"", "bash")
    graph = cheap_graph(tmp_path, frames=100, work={"sleep_ms": 10})
    with Launched(graph, folder=tmp_path, through=through) as run:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) > 3, "first results", run)
        run.signal(signal.SIGHUP)
        assert run.wait() == 0, run.stderr
    assert_complete(tmp_path, 100)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        *(pytest.param(each, marks=pytest.mark.slow) for each in (signal.SIGINT, signal.SIGHUP)),
    ],
)
@pytest.mark.slow
def test_all_processes_signalled_at_once_are_one_stop(tmp_path: Path, number: signal.Signals) -> None:
    graph = cheap_graph(tmp_path, frames=2000, work={"sleep_ms": 5})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) > 20, "first results", run)
        for pid in [*(child.pid for child in run.children()), run.process.pid]:
            os.kill(pid, number)
        assert run.wait() == 128 + number, run.stderr
        assert "started again" not in run.stdout
    records = lines(tmp_path / "out/results.jsonl")
    assert seqs(records) == list(range(len(records) - sum("from_seq" in record for record in records)))


@pytest.mark.slow
def test_what_lies_beside_the_film_is_no_module_of_ours(tmp_path: Path) -> None:
    for name in ("json.py", "yaml.py", "numpy.py", "cheap_stages_helper.py"):
        (tmp_path / name).write_text("raise RuntimeError('imported from the working directory')\n")
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    graph = cheap_graph(tmp_path, frames=5)
    with Launched(graph, folder=tmp_path, env={"PYTHONPATH": ""}) as run:
        assert run.wait() == 0, run.stderr
    assert_complete(tmp_path, 5)
