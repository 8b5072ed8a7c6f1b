"""What goes wrong inside stages and around them: each costs what it must, and nothing else."""

import functools
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.controlling import CHEAP, Remote
from tests.launching import Launched, film_times, lines, seqs, wait_for
from tests.system.graphs import cheap_graph, diary_of, is_joined
from tests.system.test_machine import assert_complete, is_under_way


def slowly(*victims: str) -> Iterator[Any]:
    """Further victims of a fault, for the slow tests only."""
    return (pytest.param(victim, marks=pytest.mark.slow) for victim in victims)


def test_a_frame_that_crashes_its_stage_fails_alone_and_lies_in_quarantine(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=60, work={"crash_on": 20, "batch": 8})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 3, run.stderr
    records = assert_complete(tmp_path, 60)
    assert [record["seq"] for record in records if record["status"] != "ok"] == [20]
    assert records[20]["status"] == "failed(work)"
    kept = sorted(path.name for path in (tmp_path / "out/quarantine").iterdir())
    assert kept == ["counter-00000020.json", "counter-00000020.npy"]
    reason = json.loads((tmp_path / "out/quarantine/counter-00000020.json").read_text())["reason"]
    assert reason == "work died 3 times on it"


@pytest.mark.slow
def test_a_frame_may_cost_more_deaths_than_end_a_run_without_progress(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=30, counter={"max_attempts": 6}, work={"crash_on": 20, "batch": 8})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 3, run.stderr
    records = assert_complete(tmp_path, 30)
    assert [record["status"] for record in records if record["seq"] == 20] == ["failed(work)"]
    reason = json.loads((tmp_path / "out/quarantine/counter-00000020.json").read_text())["reason"]
    assert reason == "work died 6 times on it"


def test_a_packet_that_takes_for_ever_is_tried_again(tmp_path: Path) -> None:
    marker = str(tmp_path / "marker")
    graph = cheap_graph(tmp_path, frames=40, work={"hang_on": 10, "marker": marker, "timeout": 1})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert "one packet took more than 1 s (timeout)" in run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 40)} == {"ok"}


@pytest.mark.parametrize("victim", ["work.0", *slowly("film.0", "counter.0", "results.0")])
@pytest.mark.slow
def test_a_process_that_stands_still_is_replaced(tmp_path: Path, victim: str) -> None:
    stage = victim.partition(".")[0]
    limits: dict[str, Any] = {"work": {"sleep_ms": 10}}
    limits.setdefault(stage, {})["heartbeat"] = 1
    graph = cheap_graph(tmp_path, frames=100, **limits)
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        run.child(victim).send_signal(signal.SIGSTOP)
        assert run.wait() == 0, run.stderr
        assert "(heartbeat)" in run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 100)} == {"ok"}


@pytest.mark.slow
def test_a_stage_that_leaks_is_drained_and_started_again(tmp_path: Path) -> None:
    graph = cheap_graph(
        tmp_path, frames=150, work={"leak_mb": 4, "sleep_ms": 10, "memory_limit": "200MB", "replicas": 2}
    )
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert "over its memory-limit; retiring it" in run.stderr
        assert "started again" not in run.stdout
    assert {record["status"] for record in assert_complete(tmp_path, 150)} == {"ok"}


@pytest.mark.slow
def test_processes_can_be_replaced_every_few_frames(tmp_path: Path) -> None:
    limits = {"max_frames_per_process": 40}
    graph = cheap_graph(tmp_path, frames=100, counter=limits, work=limits, film=limits, results=limits)
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert "counter.0    has retired" in run.stderr
        assert "work.0       has retired" in run.stderr
        assert "film.0       has retired" in run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 100)} == {"ok"}


@pytest.mark.slow
def test_a_worker_retires_though_the_process_of_a_source_that_has_ended_is_gone(tmp_path: Path) -> None:
    (tmp_path / "cheap_stages.py").write_text(CHEAP.read_text())
    described = {
        "short": {"type": "cheap_stages.Counter", "frames": 5},
        "long": {"type": "cheap_stages.Counter", "frames": 400},
        "work": {"type": "cheap_stages.Work", "sleep-ms": 10, "max-frames-per-process": 150},
        "diary": {"type": "cheap_stages.Diary", "location": "out/{source}.txt"},
    }
    graph = tmp_path / "graph.yaml"
    links = ["short ! work ! diary", "long ! work"]
    graph.write_text(yaml.safe_dump({"stages": described, "links": links}))
    with Launched(graph, folder=tmp_path) as run:
        remote = Remote(run)
        wait_for(lambda: remote.source("short")["state"] == "eos", "the short one's end", run)
        run.child("short.0").kill()
        assert run.wait() == 0, run.stderr
        assert "work.0       has retired" in run.stderr
    for name, frames in (("short", 5), ("long", 400)):
        assert (tmp_path / f"out/{name}.txt").read_text() == "".join(f"{seq} ok\n" for seq in range(frames))


@pytest.mark.slow
def test_a_slow_sink_without_a_file_says_nothing_twice_when_it_is_replaced(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=60)
    described = yaml.safe_load(graph.read_text())
    described["stages"]["shout"] = {
        "type": "cheap_stages.Shout",
        "sleep-ms": 5,
        "max-frames-per-process": 20,
    }
    described["links"].append("work ! shout")
    graph.write_text(yaml.safe_dump(described))
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert "shout.0      has retired" in run.stderr
    assert (tmp_path / "out/said.txt").read_text().split() == [str(seq) for seq in range(60)]


def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", str(disk)], check=True)
    try:
        graph = cheap_graph(
            tmp_path, frames=600, film={"location": str(disk / "film.mp4")}, results={"timeout": 60}
        )
        with Launched(graph, folder=tmp_path) as run:
            wait_for(lambda: "waiting for room" in run.stderr, "word of the full disk", run)
            subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
            assert run.wait() == 0, run.stderr
            assert "there is room again" in run.stderr
        (tmp_path / "out/film.mp4").write_bytes((disk / "film.mp4").read_bytes())
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert {record["status"] for record in assert_complete(tmp_path, 600)} == {"ok"}


@pytest.mark.parametrize("victim", ["tally.0", *slowly("work.0", "results.0", "counter.0")])
def test_an_ordered_stage_keeps_order_and_its_answers(tmp_path: Path, victim: str) -> None:
    graph = cheap_graph(
        tmp_path, frames=150, ordered=True, work={"replicas": 2, "sleep_ms": 10, "raise_every": 40}
    )
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path, 20), "first frames", run)
        run.child(victim).kill()
        assert run.wait() == 3, run.stderr
    records = assert_complete(tmp_path, 150)
    assert [record["seq"] for record in records if record["status"] != "ok"] == [39, 79, 119]
    # Its count goes on over its own death, and a frame that came again got the number that it had.
    numbers = [record["tally"] for record in records if record["status"] == "ok"]
    assert numbers == list(range(1, 148))
    # So does what it made again from its last answers; and nothing is counted twice.
    assert [record["memory"] for record in records if record["status"] == "ok"] == numbers
    assert "  frames: numbered 147\n" in run.stdout


def test_results_are_the_same_after_kills_as_without(tmp_path: Path) -> None:
    kept = []
    for name, kill in (("calm", False), ("stormy", True)):
        folder = tmp_path / name
        folder.mkdir()
        graph = cheap_graph(folder, frames=120, work={"sleep_ms": 10})
        with Launched(graph, folder=folder) as run:
            if kill:
                for count, victim in ((5, "work.0"), (25, "results.0"), (45, "counter.0"), (60, "work.0")):
                    wait_for(functools.partial(is_under_way, folder, count), "frames", run)
                    run.child(victim).kill()
            assert run.wait() == 0, run.stderr
        records = lines(folder / "out/results.jsonl")
        assert seqs(records) == list(range(120))
        for record in records:
            for changing in ("run", "capture_time_ns", "attempt"):
                del record[changing]
        kept.append(records)
    assert kept[0] == kept[1]


@pytest.mark.slow
def test_a_frame_that_a_sink_cannot_write_is_a_gap_in_it(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=60, ordered=True, diary={"fail_on": 25})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 3, run.stderr
    assert_complete(tmp_path, 60)
    expected = [f"{seq} {'failed(diary)' if seq == 25 else 'ok'}" for seq in range(60)]
    assert diary_of(tmp_path) == expected
    ledger = json.loads((tmp_path / "out/ledger.json").read_text())
    assert ledger["sources"]["counter"]["failed"] == {"diary": 1}


@pytest.mark.slow
def test_an_output_that_takes_long_to_complete_is_no_hang(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=20, diary={"finish_s": 4.0, "heartbeat": 1, "timeout": 1})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        assert "hangs" not in run.stderr
    assert_complete(tmp_path, 20)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["film.0", "results.0", "diary.0", "counter.0"])
def test_a_process_killed_while_others_complete_their_output_costs_nothing(
    tmp_path: Path, victim: str
) -> None:
    graph = cheap_graph(tmp_path, frames=20, diary={"finish_s": 3.0})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) == 20, "the last record", run)
        wait_for(lambda: is_joined(tmp_path / "out/film.mp4"), "the joined film", run)
        run.child(victim).kill()
        assert run.wait() == 0, run.stderr
        assert "no sound: it does not come from one film" in run.stdout
    assert {record["status"] for record in assert_complete(tmp_path, 20)} == {"ok"}
    assert diary_of(tmp_path) == [f"{seq} ok" for seq in range(20)]


@pytest.mark.slow
def test_a_source_that_cannot_go_on_leaves_complete_files(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100, counter={"crash_on": 20})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 1, run.stderr
        assert "counter.0 ended 6 times in a row" in run.stderr
    assert_complete(tmp_path, 20)


@pytest.mark.slow
def test_a_sink_that_cannot_go_on_leaves_the_other_files_complete(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100_000, work={"sleep_ms": 5}, diary={"fail_from": 40})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 1, run.stderr
        assert "cannot write" in run.stderr
    written = seqs(lines(tmp_path / "out/results.jsonl"))
    assert written == list(range(len(written)))
    assert len(film_times(tmp_path / "out/film.mp4")) == len(written)
    assert is_joined(tmp_path / "out/film.mp4")
    ledger = json.loads((tmp_path / "out/ledger.json").read_text())
    assert ledger["balanced"] is True
    assert ledger["sources"]["counter"]["delivered"] == 40


@pytest.mark.slow
def test_a_slow_replica_beside_a_fast_one_hoards_nothing(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=80, work={"replicas": 2, "slow_replica_ms": 200})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    records = assert_complete(tmp_path, 80)
    slow = sum(record["replica"] == 1 for record in records)
    # Whatever the machine's speed: the slow one is given a packet only when it has room for it.
    assert 0 < slow < 40


@pytest.mark.slow
def test_a_results_file_made_read_only_in_flight_is_still_written(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100, work={"sleep_ms": 8})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        (tmp_path / "out/results.jsonl").chmod(0o444)
        assert run.wait() == 0, run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 100)} == {"ok"}
