"""What a plan advises: arithmetic on costs, without measuring anything."""

import dataclasses
from pathlib import Path

import pytest

from framegraph.graph.model import Graph
from framegraph.graph.reader import read_graph
from framegraph.tools.plan import auto
from framegraph.tools.plan.forecast import HOP_CPU_S, SOURCE_CPU_S, forecast, holds
from framegraph.tools.plan.measure import Cost
from tests.system.graphs import cheap_graph


def cost(cpu_ms: float, wall_ms: float | None = None, frame_bytes: int = 0) -> Cost:
    wall_s = (cpu_ms if wall_ms is None else wall_ms) / 1e3
    return Cost(
        cpu_s=cpu_ms / 1e3, wall_s=wall_s, open_s=1.0, pss_bytes=10**8, threads=1, frame_bytes=frame_bytes
    )


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Graph:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return read_graph(cheap_graph(tmp_path), [])


def test_the_limit_is_cores_by_the_cpu_of_a_frame_with_what_the_machine_takes(graph: Graph) -> None:
    costs = {"counter": cost(1), "work": cost(15), "film": cost(4)}
    found = forecast(graph, costs, cores=2)
    assert found.limit_fps == pytest.approx(2 / (20e-3 + SOURCE_CPU_S + 2 * HOP_CPU_S))


def test_the_slowest_stage_is_named_and_gets_replicas_until_the_cores_are_the_limit(graph: Graph) -> None:
    found = forecast(graph, {"counter": cost(1), "work": cost(15), "film": cost(4)}, cores=2)
    assert found.bottleneck == "work"
    assert found.fps_as_set == pytest.approx(1 / (15e-3 + HOP_CPU_S))
    assert found.advice["work"].replicas == 2
    assert found.fps == found.limit_fps


def test_what_waits_instead_of_computing_gets_more_replicas_than_there_are_cores(graph: Graph) -> None:
    found = forecast(graph, {"counter": cost(0.1), "work": cost(0.1, wall_ms=20), "film": cost(0.3)}, cores=2)
    assert found.advice["work"].replicas > 8


def test_a_sink_stays_one_process_and_is_then_the_limit(graph: Graph) -> None:
    found = forecast(graph, {"counter": cost(1), "work": cost(1), "film": cost(30)}, cores=4)
    assert found.advice["film"].replicas == 1
    assert found.bottleneck == "film"
    assert found.fps == pytest.approx(1 / (30e-3 + HOP_CPU_S))


def test_replicas_times_threads_fit_the_cores(tmp_path: Path, graph: Graph) -> None:
    wide = read_graph(tmp_path / "graph.yaml", ["work.threads=4"])
    found = forecast(wide, {"counter": cost(1), "work": cost(30), "film": cost(1)}, cores=4)
    advice = found.advice["work"]
    assert advice.replicas * advice.threads <= 4


def test_the_pool_is_frame_store_times_the_frame(graph: Graph) -> None:
    costs = {"counter": cost(1, frame_bytes=1000), "work": cost(1), "film": cost(1)}
    assert forecast(graph, costs, cores=2).pool_bytes == graph.slots_of("counter") * 1000


def test_cameras_hold_with_a_tenth_to_spare(graph: Graph) -> None:
    found = dataclasses.replace(forecast(graph, {"counter": cost(1)}, cores=1), fps=100.0)
    assert holds(found, 9, 10.0)
    assert not holds(found, 10, 10.0)


def test_auto_takes_the_number_that_was_measured_for_this_graph_and_machine(
    tmp_path: Path, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = read_graph(tmp_path / "graph.yaml", ["work.replicas=auto"])
    auto.remember(wanted, {"counter": cost(1), "work": cost(15), "film": cost(4)})
    monkeypatch.setattr(auto, "cores", lambda: 2)
    monkeypatch.setattr(auto, "measure_graph", lambda *_args, **_more: pytest.fail("it measured again"))
    said: list[str] = []
    assert auto.resolve_auto(wanted, [], said.append).stages["work"].replicas == 2
    assert said == ["replicas: auto: work gets 2"]
    other = read_graph(tmp_path / "graph.yaml", ["work.replicas=auto", "work.sleep-ms=1"])
    assert auto.known_costs(other) is None


def test_a_graph_without_auto_is_not_measured(graph: Graph) -> None:
    assert auto.resolve_auto(graph, [], pytest.fail) is graph


def test_a_damaged_note_is_measured_again(graph: Graph) -> None:
    auto.remember(graph, {"counter": cost(1)})
    (note,) = (Path(auto._path(graph)).parent).glob("plan-*.json")
    note.write_text('{"counter": {"cpu_s": 1}}')
    assert auto.known_costs(graph) is None
