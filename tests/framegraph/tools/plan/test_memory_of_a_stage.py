"""The memory of a stage, as a plan tells it, is what the stage has: without what the measurement itself holds."""

from pathlib import Path

import pytest

from framegraph.graph.reader import read_graph
from framegraph.tools.plan.measure import measure_graph
from tests.launching import PROJECT
from tests.system.graphs import CHEAP

LEAST_BYTES, MOST_BYTES = 8_000_000, 80_000_000
"""Of a process that loads no model: Python with its libraries, and a few large pictures."""


def test_pictures_that_are_held_to_be_measured_with_are_not_the_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred megabytes of pictures go in, and as many come out."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cheap_stages.py").write_text((CHEAP / "cheap_stages.py").read_text())
    path = tmp_path / "graph.yaml"
    path.write_text(
        "stages:\n"
        "  counter: {type: cheap_stages.Counter, frames: 100000, size: 1500}\n"
        "  work: {type: cheap_stages.Work}\n"
        "  results: {type: json_sink, location: out/results.jsonl}\n"
        "links: [counter ! work ! results]\n"
    )
    costs = measure_graph(read_graph(path), [str(path)], seconds=0.1, copies=1)
    for name in ("counter", "work", "results"):
        assert LEAST_BYTES < costs[name].pss_bytes < MOST_BYTES, name
    assert costs["counter"].frame_bytes == 1500 * 1500 * 3


@pytest.mark.slow
def test_no_stage_of_the_default_graph_takes_less_than_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    said: list[str] = []
    graph = read_graph(Path("pipeline.yaml"))
    costs = measure_graph(graph, ["pipeline.yaml"], seconds=0.3, copies=1, say=said.append)
    assert said == [f"measuring {name} for 0.3 s" for name in graph.stages]
    for name, cost in costs.items():
        assert cost.pss_bytes > LEAST_BYTES, name
    assert costs["crop"].pss_bytes < MOST_BYTES
    # What has a model in it takes more than what only cuts.
    assert costs["crop"].pss_bytes < min(costs["detect"].pss_bytes, costs["classify"].pss_bytes)
