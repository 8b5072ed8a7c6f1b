"""What attach, detach, scale and set make of a graph, and what they refuse."""

from pathlib import Path
from typing import Any

import pytest

from framegraph.errors import GraphError
from framegraph.graph.change import short_windows, with_property, with_replicas, with_source, without_source
from framegraph.graph.model import Graph
from framegraph.graph.reader import read_graph
from tests.system.graphs import cheap_graph

PER_SOURCE: dict[str, Any] = {
    "film": {"location": "out/{source}.mp4"},
    "results": {"location": "out/{source}.jsonl"},
}


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Graph:
    monkeypatch.chdir(tmp_path)
    return read_graph(cheap_graph(tmp_path, ordered=True, **PER_SOURCE))


def test_a_source_is_linked_as_the_first_one_is(graph: Graph) -> None:
    changed = with_source(graph, "cam", {"frames": 7}, [])
    assert changed.downstream("cam") == ["work"]
    assert changed.stages["cam"].type_name == "cheap_stages.Counter"
    assert changed.stages["cam"].options.frames == 7
    assert changed.sources_of("results") == ["counter", "cam"]
    assert str(changed.locations()["results", "cam"]) == "out/cam.jsonl"
    assert graph.sources_of("results") == ["counter"], "the graph before is not touched"


def test_a_source_may_be_linked_elsewhere_and_be_of_another_type(graph: Graph) -> None:
    changed = with_source(graph, "cam", {"type": "cheap_stages.Ticker", "fps": 5}, ["tally"])
    assert changed.downstream("cam") == ["tally"]
    assert changed.committers_of("cam") == ["tally", "results", "film"]


def test_the_ledger_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = cheap_graph(tmp_path, **PER_SOURCE)
    path.write_text(path.read_text().replace("ledger: out/ledger.json\n", ""))
    graph = with_source(read_graph(path), "cam", {}, [])
    assert graph.ledger_path == read_graph(path).ledger_path
    assert without_source(graph, "counter").ledger_path == graph.ledger_path


def test_a_source_that_leaves_takes_its_links_along(graph: Graph) -> None:
    assert without_source(with_source(graph, "cam", {}, []), "cam").links == graph.links


@pytest.mark.parametrize(
    ("name", "values", "to", "problem"),
    [
        ("work", {}, [], "attach work: there is a stage of this name in the graph; choose another name"),
        ("1st", {}, [], "attach 1st: a name is a letter, then letters, digits, - or _, 32 at most"),
        ("cam", {}, ["wrok"], "attach cam: there is no stage 'wrok'; did you mean 'work'?"),
        ("cam", {"frame": 1}, [], "unknown property 'frame'; did you mean 'frames'?"),
        ("cam", {"frames": "many"}, [], "property 'frames': expected a whole number, got 'many'"),
        ("cam", {"type": "cheap_stages.Work"}, [], "is a worker; only a source can be attached"),
        (
            "cam",
            {"type": "cheap_stages.Ticker", "uri": "nonsense:1"},
            [],
            "nonsense:1 is no camera; give tick://",
        ),
    ],
)
def test_a_source_that_does_not_fit_is_refused(
    graph: Graph, name: str, values: dict[str, object], to: list[str], problem: str
) -> None:
    with pytest.raises(GraphError) as refused:
        with_source(graph, name, values, to)
    assert problem in str(refused.value)


def test_a_second_source_needs_locations_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GraphError, match=r"must hold \{source\}, e.g. out/film-\{source\}.mp4"):
        with_source(read_graph(cheap_graph(tmp_path)), "cam", {}, [])


def test_windows_follow_the_replicas_as_far_as_the_pool_reaches(graph: Graph) -> None:
    frame_store = graph.slots_of("counter")
    for replicas, window in ((3, 8), (4, 9), (64, 9), (1, 4)):
        graph = with_replicas(graph, "work", replicas)
        assert graph.stages["work"].replicas == replicas
        assert graph.slots_of("counter") == frame_store, "the file stays as large as it was made"
        assert graph.window_of("counter") == window
    assert short_windows(graph, "work") == {}
    assert short_windows(with_replicas(graph, "work", 5), "work") == {"counter": 12}


@pytest.mark.parametrize(
    ("stage", "replicas", "problem"),
    [
        ("wrk", 2, "scale wrk 2: there is no stage 'wrk'; did you mean 'work'?"),
        ("work", 0, "scale work 0: a stage has 1 to 64 replicas"),
        ("work", 65, "a stage has 1 to 64 replicas"),
        ("film", 2, "'film' is a sink, which is one process; only workers have replicas"),
        ("counter", 2, "'counter' is a source, which is one process"),
        ("tally", 2, "its replicas deal sources; set tally.replicas in the graph and start anew"),
    ],
)
def test_what_has_no_replicas_is_refused(graph: Graph, stage: str, replicas: int, problem: str) -> None:
    with pytest.raises(GraphError) as refused:
        with_replicas(graph, stage, replicas)
    assert problem in str(refused.value)


def test_a_property_is_set(graph: Graph) -> None:
    changed = with_property(graph, "work", "timeout", "90s")
    assert changed.stages["work"].common.timeout == 90.0
    assert with_property(graph, "counter", "priority", 3).stages["counter"].common.priority == 3


@pytest.mark.parametrize(
    ("stage", "word", "value", "problem"),
    [
        ("wrk", "timeout", 1, "set wrk.timeout: there is no stage 'wrk'; did you mean 'work'?"),
        ("work", "timeot", 1, "unknown property 'timeot'; did you mean 'timeout'?"),
        ("work", "custody", 1, "unknown property 'custody'; it is called frame-store now"),
        ("work", "timeout", "soon", "expected a time such as 500ms, 5s or 2min, got 'soon'"),
        ("work", "replicas", 2, "cannot be set while the graph runs; use: scale work 2"),
        ("work", "sleep-ms", 2, "start anew with --set work.sleep-ms=2; what can be set now: timeout,"),
        ("counter", "window", 9, "detach counter, then attach it with --set window=9"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_remedy(
    graph: Graph, stage: str, word: str, value: object, problem: str
) -> None:
    with pytest.raises(GraphError) as refused:
        with_property(graph, stage, word, value)
    assert problem in str(refused.value)
