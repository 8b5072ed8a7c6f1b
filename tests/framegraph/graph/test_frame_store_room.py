"""The pool of a source has room for what is out and for what waits, whatever the graph asks for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framegraph.graph.model import Graph
from framegraph.graph.reader import read_graph
from tests.framegraph.graph.conftest import RIGHT
from tests.launching import Launched, lines, seqs
from tests.system.graphs import CHEAP

FRAMES = 200
END_S = 60.0
"""A run of these few frames takes two seconds; one that waits for room that never comes has no end."""

Write = Callable[[str | bytes], Path]


def room(graph: Graph) -> int:
    """Slots that are left for the window when as many frames wait as may."""
    return graph.slots_of("camera") - int(graph.stages["camera"].common.max_size_buffers)


@pytest.mark.parametrize("waiting", range(1, 65))
def test_beside_all_that_may_wait_the_window_has_room(write: Write, waiting: int) -> None:
    path = write(RIGHT)
    for more in (
        [],
        ["detect.replicas=5", "camera.frame-store=1"],
        ["camera.window=1", f"camera.frame-store={waiting}"],
        ["camera.window=40", "camera.frame-store=80"],
    ):
        graph = read_graph(path, [f"camera.max-size-buffers={waiting}", *more])
        assert room(graph) >= graph.window_of("camera") + 1


@given(
    waiting=st.integers(1, 1024),
    window=st.integers(0, 4096),
    frame_store=st.integers(0, 8192),
    replicas=st.integers(1, 64),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_has_whatever_the_numbers(
    write: Write, waiting: int, window: int, frame_store: int, replicas: int
) -> None:
    graph = read_graph(
        write(RIGHT),
        [
            f"camera.max-size-buffers={waiting}",
            f"camera.window={window}",
            f"camera.frame-store={frame_store}",
            f"detect.replicas={replicas}",
        ],
    )
    assert room(graph) >= graph.window_of("camera") + 1
    # More is never taken away.
    assert graph.slots_of("camera") >= frame_store


def graph_of(folder: Path, source: dict[str, Any]) -> Path:
    described = {
        "stages": {
            "camera": source,
            "work": {"type": "cheap_stages.Work", "sleep-ms": 2},
            "results": {"type": "json_sink", "location": "out/results.jsonl"},
        },
        "links": ["camera ! work ! results"],
        "ledger": "out/ledger.json",
    }
    (folder / "graph.yaml").write_text(yaml.safe_dump(described))
    (folder / "cheap_stages.py").write_text((CHEAP / "cheap_stages.py").read_text())
    return Path("graph.yaml")


def ledger_of(folder: Path) -> dict[str, Any]:
    ledger = json.loads((folder / "out/ledger.json").read_text())
    assert ledger["balanced"] is True
    sums: dict[str, Any] = ledger["sources"]["camera"]
    assert sums["captured"] == FRAMES
    assert sums["in_flight"] == 0
    return sums


@pytest.mark.slow
def test_a_film_of_which_many_frames_may_wait_comes_to_its_end(tmp_path: Path) -> None:
    source = {"type": "cheap_stages.Counter", "frames": FRAMES, "max-size-buffers": 20}
    with Launched(graph_of(tmp_path, source), folder=tmp_path) as run:
        assert run.wait(END_S) == 0, run.stderr
    records = lines(tmp_path / "out/results.jsonl")
    assert seqs(records) == [record["number"] for record in records] == list(range(FRAMES))
    assert ledger_of(tmp_path)["delivered"] == FRAMES


def test_of_a_quick_camera_of_which_many_frames_may_wait_each_is_accounted_for(tmp_path: Path) -> None:
    source = {"type": "cheap_stages.Ticker", "fps": 2000, "frames": FRAMES, "max-size-buffers": 20}
    with Launched(graph_of(tmp_path, source), folder=tmp_path) as run:
        assert run.wait(END_S) == 0, run.stderr
    sums = ledger_of(tmp_path)
    assert set(sums["dropped"]) <= {"leaky"}
    assert sums["delivered"] + sums["dropped"].get("leaky", 0) == FRAMES
    assert sums["delivered"] >= 20
    covered: list[int] = []
    for record in lines(tmp_path / "out/results.jsonl"):
        first = record["from_seq"] if "from_seq" in record else record["seq"]
        covered.extend(range(first, record.get("to_seq", first) + 1))
    assert covered == list(range(FRAMES))
