"""Folders and globs of films, run as a user runs them."""

import contextlib
import dataclasses
import json
import os
import random
import resource
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from framegraph.graph.reader import read_graph
from framegraph.launch.batch_graph import batch_of
from framegraph.launch.batch_outcome import stamp_of
from framegraph.run_files.batch_folder import BatchFolder, Record, plain_name
from tests.launching import Launched, lines, wait_for
from tests.system.batches import (
    BAD,
    assert_whole,
    batch_graph,
    dated,
    ended,
    write_bad_films,
    write_films,
)


def test_bad_films_stop_nothing_and_the_same_command_does_nothing_new(tmp_path: Path) -> None:
    names = write_films(tmp_path / "films", 2, 10)
    names[1] = os.fsdecode(b'it\'s "no 1"\n\xff${HOME}.mp4')
    (tmp_path / "films/take 1.mp4").rename(tmp_path / "films" / names[1])
    write_bad_films(tmp_path / "films")
    graph = batch_graph(tmp_path, "films", parallel=2)
    for attempt in (1, 2):
        with Launched(graph, folder=tmp_path) as run:
            assert run.wait() == 3, run.stderr
            assert not run.children()
        assert "5 inputs: 2 done, 3 failed" in run.stdout
        assert "frames: captured 20, delivered 20" in run.stdout
        for name, why in BAD.items():
            assert f"failed: films/{name}: {why}" in run.stdout
        assert ("ended in an earlier run" in run.stderr) == (attempt == 2)
        assert ("1 of 5:" in run.stderr) == (attempt == 1)
        assert_whole(tmp_path, names, 10)
        assert not list((tmp_path / "out").rglob("*.previous"))


@pytest.mark.slow
def test_ctrl_c_leaves_a_film_to_be_gone_on_with(tmp_path: Path) -> None:
    names = write_films(tmp_path / "films", 2, 20)
    graph = batch_graph(tmp_path, "films/*.mp4", pace="realtime")
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: _has_frames(tmp_path, 5), "frames", run)
        run.signal(signal.SIGINT)
        assert run.wait() == 130, run.stderr
        assert not run.children()
    assert "2 inputs: 0 done, 2 not finished" in run.stdout
    before = next((tmp_path / "out").rglob("results.jsonl")).read_bytes()
    assert b'"seq":19' not in before.replace(b" ", b"")
    # Two that differ in nothing but how many run at once are the same command.
    with Launched(graph, "--set", "camera.parallel=2", folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    assert_whole(tmp_path, names, 20)
    after = (dated(tmp_path) / "take-0/results.jsonl").read_bytes()
    assert after.startswith(before)


@pytest.mark.slow
def test_a_killed_launcher_takes_its_runs_along_and_a_second_one_is_refused(tmp_path: Path) -> None:
    write_films(tmp_path / "films", 1, 600)
    graph = batch_graph(tmp_path, "films/**", pace="realtime")
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: _has_frames(tmp_path, 1), "frames", run)
        other = tmp_path / "other"
        other.mkdir()
        with Launched(graph, folder=tmp_path / "other", through=("env", "-C", str(tmp_path))) as second:
            assert second.wait() == 2
            assert "is being written by another run of the same command" in second.stderr
        runs = psutil.Process(run.process.pid).children()
        assert len(runs) == 1
        run.process.kill()
        _gone, alive = psutil.wait_procs([*runs, *run.children()], timeout=2)
        assert not alive


@pytest.mark.slow
def test_only_what_has_changed_is_run_again(tmp_path: Path) -> None:
    write_films(tmp_path / "films", 1, 10)
    graph = batch_graph(tmp_path, "films")
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    film = tmp_path / "films/take 0.mp4"
    film.touch()  # another time, the same content
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert "ended in an earlier run" in run.stderr
    write_films(tmp_path / "films/more", 1, 12)
    film.write_bytes((tmp_path / "films/more/take 0.mp4").read_bytes())
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    assert_whole(tmp_path, ["take 0.mp4"], 12)


def test_a_batch_can_be_checked_and_what_takes_one_input_refuses_it(tmp_path: Path) -> None:
    write_films(tmp_path / "films", 3, 10)
    graph = batch_graph(tmp_path, "films")
    with Launched(graph, "--check", folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert "3 inputs, the first is films/take 0.mp4" in run.stdout
    with Launched(graph, "--trace", "out/trace.json", folder=tmp_path) as run:
        assert run.wait() == 2
        assert "--trace is for one input, here are 3" in run.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_film_that_is_being_copied_is_waited_for(tmp_path: Path) -> None:
    (name,) = write_films(tmp_path / "films", 1, 30)
    film = tmp_path / "films" / name
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) // 2])
    with Launched(batch_graph(tmp_path, "films"), folder=tmp_path) as run:
        until_s = time.monotonic() + 4.0
        while time.monotonic() < until_s:
            film.touch()
            assert run.process.poll() is None
            time.sleep(0.1)
        film.write_bytes(whole)
        assert run.wait() == 0, run.stderr
    assert_whole(tmp_path, [name], 30)


@pytest.mark.slow
def test_forty_films_killed_five_times_are_each_recorded_once(tmp_path: Path) -> None:
    names = write_films(tmp_path / "films", 37, 10)
    write_bad_films(tmp_path / "films")
    graph = batch_graph(tmp_path, "films", parallel=2)
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    print(f"seed {seed}")
    for kill in range(5):
        with Launched(graph, folder=tmp_path) as run:
            _wait_for_three_more(tmp_path, run)
            runs = psutil.Process(run.process.pid).children()
            victims = [*runs, *run.children()]
            if kill % 2 and victims:
                _kill(dice.choice(victims))
                time.sleep(dice.uniform(0.0, 1.0))
            elif kill:
                time.sleep(dice.uniform(0.0, 1.5))
            # Else right after a film: between two.
            runs = psutil.Process(run.process.pid).children()
            run.process.kill()
            _gone, alive = psutil.wait_procs([*runs, *run.children()], timeout=2)
            assert not alive
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 3, run.stderr
        assert "40 inputs: 37 done, 3 failed" in run.stdout
        for name, why in BAD.items():
            assert f"failed: films/{name}: {why}" in run.stdout
    assert_whole(tmp_path, names, 10)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 3, run.stderr
        assert "40 of 40 ended in an earlier run" in run.stderr
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == files


@pytest.mark.slow
def test_two_thousand_photos_in_nested_folders_are_one_input(tmp_path: Path) -> None:
    picture = cv2.imencode(".png", np.full((16, 16, 3), 90, np.uint8))[1].tobytes()
    for number in range(2000):
        path = tmp_path / f"photos/{number // 100:02}/{number // 20 % 5}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    graph = batch_graph(tmp_path, "photos/**")
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: _has_frames(tmp_path, 300), "frames", run)
        run.process.kill()
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    records = lines(dated(tmp_path) / "photos/results.jsonl")
    assert [record["seq"] for record in records] == list(range(2000))
    assert len({record["run"] for record in records}) == 1
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert "1 of 1 ended in an earlier run" in run.stderr
    assert _cpu_s(before) < 3


@pytest.mark.slow
def test_two_thousand_finished_films_are_passed_over_quickly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = write_films(tmp_path / "films", 2000, 2)
    graph = batch_graph(tmp_path, "films")
    monkeypatch.chdir(tmp_path)
    batch = batch_of(read_graph(graph))
    assert batch is not None
    folder = BatchFolder.find_or_make(tmp_path / "out", batch.digest, {})
    for name in names:
        uri = f"films/{name}"
        record = Record(
            uri=uri,
            stamp=stamp_of(str(tmp_path / uri)),
            fingerprint="not read",
            outcome="done",
            is_final=True,
            sums={"frames": {"captured": 2, "delivered": 2}},
        )
        (folder.path / plain_name(uri)).mkdir()
        (folder.path / plain_name(uri) / "input.json").write_text(json.dumps(dataclasses.asdict(record)))
    folder.close()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert "frames: captured 4000, delivered 4000" in run.stdout
    assert _cpu_s(before) < 3


def _wait_for_three_more(folder: Path, run: Launched) -> None:
    def done() -> int:
        return list(ended(folder).values()).count("done")

    already = done()
    wait_for(lambda: done() >= already + 3, "films", run)


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


def _cpu_s(before: resource.struct_rusage) -> float:
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime


def _has_frames(folder: Path, count: int) -> bool:
    return any(path.read_bytes().count(b"\n") >= count for path in (folder / "out").glob("*/*/results.jsonl"))
