"""A run that a Python program reads: the same records as in the file, and an end that is an end."""

import gc
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import fashion_pipeline
from fashion_pipeline.python.run import Run
from tests.launching import DEADLINE_S, PROJECT, film_times, lines, seqs, wait_for
from tests.python.reading import has_ended, processes_of
from tests.system.graphs import cheap_graph, is_joined

SLOTS = 4 + 2 * 4 + 16 + 2
"""Frames that may be between the file and the reader: the frame store, the inbox, and one each in hand."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ended(run: Run) -> bool:
    return has_ended(run._launched.pid) and not run._launched._folder.exists()


def test_the_records_are_those_of_the_file_and_the_ledger_is_known(folder: Path) -> None:
    run = fashion_pipeline.run(cheap_graph(folder, frames=40))
    assert run.ledger == {}
    records = list(run)
    assert records == lines(folder / "out/results.jsonl")
    assert seqs(records) == list(range(40))
    assert run.ledger["sources"]["counter"]["delivered"] == 40
    assert run.ledger["exit_status"] == 0
    assert is_joined(folder / "out/film.mp4")
    assert len(film_times(folder / "out/film.mp4")) == 40
    assert list(run) == []
    assert ended(run)


def test_a_slow_reader_slows_the_run_and_one_that_leaves_ends_it(folder: Path) -> None:
    graph = cheap_graph(folder, frames=10**6)
    read = 0
    with fashion_pipeline.run(graph) as run:
        for record in run:
            assert record["seq"] == read
            read += 1
            if read % 20 == 0:
                # As soon as the file has as much as it may have, or nothing new for a while.
                size = len(lines(folder / "out/results.jsonl"))
                assert size <= read + SLOTS
            if read == 60:
                break
        wait_for(lambda: len(lines(folder / "out/results.jsonl")) >= 60 + 16, "frames that wait")
    assert ended(run)
    written = len(lines(folder / "out/results.jsonl"))
    assert is_joined(folder / "out/film.mp4")
    assert len(film_times(folder / "out/film.mp4")) == written
    assert run.ledger["exit_status"] == 143
    assert next(run, None) is None


def test_a_loop_that_is_left_ends_the_run(folder: Path) -> None:
    def first() -> tuple[Any, int]:
        run = fashion_pipeline.run(cheap_graph(folder, frames=10**6))
        for _record in run:
            return run._launched, run._launched.pid
        raise AssertionError("no record")

    launched, pid = first()
    gc.collect()
    assert has_ended(pid)
    assert not launched._folder.exists()
    assert is_joined(folder / "out/film.mp4")


@pytest.mark.parametrize(
    ("given", "properties", "text"),
    [
        ("nowhere.mp4", {}, "nowhere.mp4: no such file; name the graph, for example pipeline.yaml"),
        (
            PROJECT / "samples/plaza.mp4",
            {"detect.replicas": 0, "detect.modle": "yes"},
            "--set detect.modle=\"yes\": stage 'detect': unknown property 'modle'; did you mean 'model'?\n"
            "--set detect.replicas=0: stage 'detect', property 'replicas': must be at least 1, got 0",
        ),
    ],
)
def test_a_mistake_is_raised_with_the_launchers_words(
    given: str | Path, properties: dict[str, Any], text: str, folder: Path
) -> None:
    run = fashion_pipeline.run(given, **properties)
    with pytest.raises(fashion_pipeline.RunError) as caught:
        next(run)
    assert sorted(str(caught.value).splitlines()) == sorted(text.splitlines())
    assert caught.value.status == 2
    assert ended(run)


def test_what_is_no_property_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'pictuers'; a property is given as"):
        fashion_pipeline.run("film.mp4", pictuers=True)
    with pytest.raises(TypeError, match=r"'detect.model' must be text, a number, true or false.*a set"):
        wrong: dict[str, Any] = {"detect.model": {1}}
        fashion_pipeline.run("film.mp4", **wrong)


def test_frames_that_fail_are_an_error_after_the_last_record(folder: Path) -> None:
    graph = cheap_graph(folder, frames=12, work={"raise_every": 6})
    run = fashion_pipeline.run(graph)
    records = []
    with pytest.raises(fashion_pipeline.RunError) as caught:
        for record in run:
            records.append(record)
    assert records == lines(folder / "out/results.jsonl")
    assert [record["status"] == "ok" for record in records] == [seq % 6 != 5 for seq in range(12)]
    assert caught.value.status == 3
    assert str(caught.value) == "counter: not all of its 12 frames were analysed: 2 failed(work)"


PROGRAM = """
import sys
import fashion_pipeline

for record in fashion_pipeline.run("graph.yaml"):
    if record["seq"] == 5:
        print("reading", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_no_run_outlives_its_program(number: signal.Signals, folder: Path) -> None:
    """Ctrl-C in the loop, and the worst: the files are complete afterwards."""
    cheap_graph(folder, frames=10**6)
    (folder / "queue.py").write_text("raise RuntimeError('a stray module of the user')")
    with subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "reading\n"
        [launcher] = psutil.Process(program.pid).children()
        place = Path(launcher.cmdline()[launcher.cmdline().index("--folder") + 1])
        assert place.stat().st_mode & 0o777 == 0o700
        program.send_signal(number)
        _rest, errors = program.communicate(timeout=DEADLINE_S)
    if number == signal.SIGINT:
        assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    wait_for(lambda: is_joined(folder / "out/film.mp4"), "complete film")
    wait_for((folder / "out/ledger.json").exists, "ledger")
    wait_for(lambda: not list((folder / "out").glob("*.progress")), "end of the run")
    wait_for(lambda: not place.exists(), "end of its folder")


@pytest.mark.slow
def test_each_frame_comes_once_and_in_order_whatever_is_killed(folder: Path) -> None:
    """Processes are killed by turns while the records are read."""
    run = fashion_pipeline.run(cheap_graph(folder, frames=300, ordered=True, work={"replicas": 2}))
    read: list[int] = []
    kills = 0
    next_s = time.monotonic()
    for record in run:
        read.append(record["seq"])
        if time.monotonic() >= next_s:
            found = sorted(processes_of(run), key=lambda process: process.cmdline())
            if found:
                found[kills % len(found)].kill()
                kills += 1
                next_s = time.monotonic() + 0.3
        time.sleep(0.01)
    assert kills >= 10
    assert read == list(range(300))
    assert run.ledger["balanced"]
    assert sum(run.ledger["restarts"].values()) >= 10


@pytest.mark.slow
def test_a_film_through_a_graph_of_choice_gives_the_lines_of_its_file(folder: Path) -> None:
    film, graph = PROJECT / "samples/plaza.mp4", PROJECT / "pipeline.yaml"
    more: dict[str, Any] = {"camera.duration": "1s", "film.preset": "ultrafast"}
    run = fashion_pipeline.run(film, graph=graph, **more)
    records = list(run)
    assert records == lines(folder / "out/results.jsonl")
    assert seqs(records) == list(range(10))
    assert len(film_times(folder / "out/annotated.mp4")) == 10
    assert {person.track for person in run.people} == {
        person["track"] for record in records for person in record["people"]
    }


def test_importing_the_package_loads_nothing() -> None:
    """Each process of a run imports it."""
    check = "import sys; import fashion_pipeline; print(*sorted({'zmq', 'numpy', 'cv2', 'json'} & {*sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(PROJECT)!r}); {check}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == ""
