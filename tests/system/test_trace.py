"""`--trace`: every frame of a real run has its timeline, also over a worker that was killed."""

import signal
from pathlib import Path

import pytest

from framegraph.traces.timeline import describe_frame, read_trace
from tests.launching import Launched, lines, wait_for
from tests.system.graphs import cheap_graph

FRAMES = 60


@pytest.mark.slow
def test_each_frame_has_its_timeline_and_a_second_try_shows(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=FRAMES, work={"sleep_ms": 20.0})
    with Launched(graph, "--quiet", "--trace", "out/trace.json", folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) > 10, "results", run)
        run.child("work.0").send_signal(signal.SIGKILL)
        assert run.wait() == 0, run.stderr
    trace = read_trace(tmp_path / "out/trace.json")
    timelines = ["\n".join(describe_frame(trace, f"counter:{seq}")) for seq in range(FRAMES)]
    assert all("service: results.0#0" in said for said in timelines)
    # What the killed process noted in its last half second is lost with it; its successor's is there.
    last = timelines[-1]
    for said in (
        "waiting for the window: counter.0#0",
        "transport: counter.0#0 to work.0#1",
        "service: work.0#1",
        "transport: work.0#1 to results.0#0",
    ):
        assert said in last
