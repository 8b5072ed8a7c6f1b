"""Stages alone in processes of their own: what they cost is found, and an error is one sentence."""

from pathlib import Path

import pytest

from framegraph.errors import GraphError
from framegraph.graph.reader import read_graph
from framegraph.testing import make_packet
from framegraph.tools.plan.alone import MAX_RECORDED, RUN_FRAMES, Record
from framegraph.tools.plan.measure import measure_graph
from framegraph.wire import codec
from tests.system.graphs import cheap_graph

SLEEP_MS = 20.0


def test_a_stage_that_sleeps_takes_time_and_no_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = cheap_graph(tmp_path, frames=10_000, work={"sleep_ms": SLEEP_MS})
    costs = measure_graph(read_graph(path, []), [str(path)], seconds=0.3, copies=1)
    assert set(costs) == {"counter", "work", "results", "film"}
    assert costs["work"].wall_s >= 0.8 * SLEEP_MS / 1e3
    assert costs["work"].cpu_s < costs["work"].wall_s / 2
    assert costs["counter"].frame_bytes == 64 * 64 * 3
    assert costs["film"].cpu_s > 0


def test_a_stage_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = cheap_graph(tmp_path, frames=10_000, work={"open_fails": True})
    with pytest.raises(GraphError, match="stage 'work' cannot be measured"):
        measure_graph(read_graph(path, []), [str(path)], seconds=0.1, copies=1)


@pytest.mark.parametrize(
    ("seconds", "recorded"),
    [
        pytest.param(1000.0, RUN_FRAMES, id="one run at a time"),
        pytest.param(0.0, MAX_RECORDED, id="all runs"),
    ],
)
def test_what_is_recorded_for_the_next_stage_are_frames_that_follow_each_other(
    seconds: float, recorded: int
) -> None:
    record = Record(seconds)
    for seq in range(2 * MAX_RECORDED):
        record.offer(make_packet(seq=seq))
    assert [codec.decode_packet(frames).seq for frames in record.packets] == list(range(recorded))
