"""Segments, events and preview in real runs with kills: nothing is lost or doubled, and nobody is slowed."""

import functools
import json
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from fashion_pipeline.stages.recording.segment_names import SegmentNames
from tests.brokers import Mosquitto, Subscriber, free_port
from tests.launching import Launched, film_times, lines, seqs, wait_for
from tests.system.graphs import CHEAP, cheap_graph

FRAME_S = 0.04


def add_stages(graph: Path, stages: dict[str, dict[str, Any]], *links: str) -> None:
    described = yaml.safe_load(graph.read_text())
    described["stages"] |= stages
    described["links"] += links
    graph.write_text(yaml.safe_dump(described))


def assert_segments(folder: Path, frames: int, frames_a_segment: int) -> None:
    """Every segment is joined, has its frames from time 0 on, and all together have each frame once."""
    counts = []
    for film in SegmentNames(folder / "out/film-{index}.mp4").on_disk():
        assert b"moof" not in film.read_bytes(), f"{film.name} is not joined"
        times = film_times(film)
        assert times == pytest.approx([number * FRAME_S for number in range(len(times))], abs=1e-4)
        counts.append(len(times))
    whole, rest = divmod(frames, frames_a_segment)
    assert counts == [frames_a_segment] * whole + [rest] * bool(rest)
    assert not [path.name for path in (folder / "out").iterdir() if path.name.startswith(".")]


SEGMENTS = {"location": "out/film-{index}.mp4", "segment": 0.2}


@pytest.mark.slow
def test_a_film_in_segments_survives_kills_of_its_sink(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=123, work={"sleep_ms": 10}, film=SEGMENTS)
    with Launched(graph, folder=tmp_path) as run:
        for count in (4, 40, 75):
            wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) >= count, "frames", run)  # noqa: B023
            run.child("film.0").kill()
        assert run.wait() == 0, run.stderr
        assert "25 segments, without sound" in run.stdout
    assert_segments(tmp_path, 123, 5)


@pytest.mark.slow
def test_a_film_in_segments_survives_kills_at_any_moment(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=1200, work={"sleep_ms": 5}, film={**SEGMENTS, "segment": 0.08})
    with Launched(graph, folder=tmp_path) as run:
        for count in range(20, 1000, 70):
            wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) >= count, "frames", run)  # noqa: B023
            run.child("film.0").kill()
        assert run.wait() == 0, run.stderr
    assert_segments(tmp_path, 1200, 2)


@pytest.mark.slow
def test_a_film_in_segments_is_resumed_after_a_killed_launcher(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=123, work={"sleep_ms": 10}, film=SEGMENTS)
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) >= 57, "frames", run)
        run.process.kill()
    with Launched(graph, "--resume", folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
    assert_segments(tmp_path, 123, 5)


def events_graph(folder: Path, **events: Any) -> Path:
    described = {
        "stages": {
            "counter": {"type": "cheap_stages.Counter", "frames": 200},
            "work": {"type": "cheap_stages.Work", "sleep-ms": 10},
            "passers": {"type": "cheap_stages.Passers"},
            "events": {
                "type": "events_sink",
                "location": "out/events.jsonl",
                "leave-after": 0.1,
                "steady": 0.1,
                **events,
            },
            "results": {"type": "json_sink", "location": "out/results.jsonl"},
        },
        "links": ["counter ! work ! passers ! events", "passers ! results"],
    }
    folder.mkdir(exist_ok=True)
    path = folder / "graph.yaml"
    path.write_text(yaml.safe_dump(described))
    (folder / "cheap_stages.py").write_text((CHEAP / "cheap_stages.py").read_text())
    return path


def event_lines(folder: Path) -> list[dict[str, Any]]:
    """The events without what differs from run to run."""
    return [
        {name: value for name, value in event.items() if name not in ("run", "capture_time_ns")}
        for event in lines(folder / "out/events.jsonl")
    ]


@pytest.mark.slow
def test_the_events_are_those_of_an_unbroken_run_after_kills_and_a_resume(tmp_path: Path) -> None:
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    with Launched(events_graph(calm), folder=calm) as run:
        assert run.wait() == 0, run.stderr
    graph = events_graph(stormy)
    with Launched(graph, folder=stormy) as run:
        for count in (3, 30, 60):
            wait_for(functools.partial(has_results, stormy, count), "frames", run)
            run.child("events.0").kill()
        wait_for(functools.partial(has_results, stormy, 100), "frames", run)
        run.process.kill()
    with Launched(graph, "--resume", folder=stormy) as run:
        wait_for(functools.partial(has_results, stormy, 150), "frames", run)
        run.child("events.0").kill()
        assert run.wait() == 0, run.stderr
    assert event_lines(stormy) == event_lines(calm)
    words = [event["event"] for event in event_lines(calm)]
    assert [words.count(word) for word in ("appeared", "wears", "left")] == [40, 40, 40]
    assert not list((stormy / "out").glob(".*"))


def has_results(folder: Path, count: int) -> bool:
    return len(lines(folder / "out/results.jsonl")) >= count


@pytest.mark.slow
def test_every_event_comes_to_the_broker_over_kills_of_both(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        broker.start()
        graph = events_graph(tmp_path, broker=f"mqtt://127.0.0.1:{broker.port}", drain=30)
        with Subscriber(broker, "fashion/counter/events") as subscriber:
            subscriber.wait()
            with Launched(graph, folder=tmp_path) as run:
                wait_for(lambda: subscriber.heard, "the first event", run)
                run.child("events.0").kill()
                wait_for(functools.partial(has_results, tmp_path, 60), "frames", run)
                broker.kill()
                subscriber.is_subscribed.clear()
                wait_for(functools.partial(has_results, tmp_path, 110), "frames", run)
                broker.start()
                subscriber.wait()
                assert run.wait() == 0, run.stderr
                assert "MQTT: the broker has every event" in run.stdout
            wait_for(
                lambda: keys(subscriber.events) >= keys(lines(tmp_path / "out/events.jsonl")), "all events"
            )
    assert len(keys(subscriber.events)) == 120


def keys(events: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {tuple(event[name] for name in ("run", "source", "seq", "track", "event")) for event in events}


def test_events_without_a_tracker_are_refused_before_the_start(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path)
    add_stages(graph, {"events": {"type": "events_sink", "location": "out/e.jsonl"}}, "work ! events")
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 2
        assert (
            "stage 'events' (events_sink) takes 'people/track', which no stage before it gives" in run.stderr
        )


def preview_graph(folder: Path, port: int, frames: int = 250) -> Path:
    graph = cheap_graph(folder, frames=frames, work={"sleep_ms": 10})
    add_stages(
        graph,
        {"preview": {"type": "preview_sink", "port": port, "heartbeat": 2}},
        "work ! preview",
    )
    return graph


def assert_undisturbed(folder: Path, frames: int = 250) -> None:
    """Every frame was delivered at the first attempt."""
    records = lines(folder / "out/results.jsonl")
    assert seqs(records) == list(range(frames))
    assert {(record["status"], record["attempt"]) for record in records} == {("ok", records[0]["attempt"])}
    ledger = json.loads((folder / "out/ledger.json").read_text())
    assert ledger["sources"]["counter"]["delivered"] == frames
    assert len(film_times(folder / "out/film.mp4")) == frames


def state_of(port: int) -> str:
    """What the preview says of its source, "" while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/counter.jpg", timeout=5) as answer:
            return str(answer.headers["X-State"])
    except OSError:
        return ""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_preview_that_dies_or_hangs_disturbs_nobody_and_comes_back(
    tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    with Launched(preview_graph(tmp_path, port, frames=600), folder=tmp_path) as run:
        wait_for(lambda: state_of(port) == "live", "live picture", run)
        process = run.child("preview.0")
        process.send_signal(number)
        wait_for(lambda: run.child("preview.0").pid != process.pid, "another process", run)
        wait_for(lambda: state_of(port) == "live", "live picture again", run)
        assert run.wait() == 0, run.stderr
        assert "preview.0 was started again 1 time" in run.stdout
    assert_undisturbed(tmp_path, 600)


@pytest.mark.slow
def test_a_viewer_that_never_reads_disturbs_nobody(tmp_path: Path) -> None:
    port = free_port()
    with Launched(preview_graph(tmp_path, port), folder=tmp_path) as run:
        wait_for(lambda: state_of(port) == "live", "live picture", run)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as viewer:
            viewer.sendall(b"GET /counter.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert run.wait() == 0, run.stderr
    assert_undisturbed(tmp_path)


@pytest.mark.slow
def test_a_preview_that_cannot_be_brought_back_does_not_end_the_run(tmp_path: Path) -> None:
    port = free_port()
    with Launched(preview_graph(tmp_path, port, frames=1500), folder=tmp_path) as run:
        wait_for(lambda: state_of(port) == "live", "live picture", run)
        process = run.child("preview.0")
        process.suspend()
        with socket.socket() as taker:
            process.kill()
            taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            wait_for(lambda: is_bound(taker, port), "the port")
            taker.listen()
            refusal = "choose another port, or port: 0 for any free one; the run goes on without it"
            wait_for(lambda: refusal in run.stderr, "refusal", run)
            assert run.wait() == 0, run.stderr
    assert_undisturbed(tmp_path, frames=1500)


def is_bound(taker: socket.socket, port: int) -> bool:
    try:
        taker.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
