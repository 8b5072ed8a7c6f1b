"""A graph whose records go to a Python program: with an app_sink, and one input given apart from it."""

import contextlib
import dataclasses
from pathlib import Path

from framegraph.errors import GraphError
from framegraph.graph.check import check_graph
from framegraph.graph.model import Graph
from framegraph.graph.one_line import is_one_line, read_one_line
from framegraph.graph.reader import read_graph_argument, read_stage
from framegraph.graph.registry import find_stage, kind_of
from framegraph.graph.yaml_text import Node, read_yaml

TYPE = "app_sink"
PLACE = "fashion_pipeline.run"
HOW = "link a stage of type app_sink behind the stage whose records you want"


def read_with_input(text: str, uri: str, overrides: list[str]) -> Graph:
    """Read a graph with `uri` as that of its only source; GraphError if there are several."""
    sources = _sources(text)
    if len(sources) > 1:
        raise GraphError(
            f"{PLACE}: {text} has the sources {', '.join(sources)}; give each its input as a property, "
            f"e.g. '{sources[0]}.uri', and run the graph itself"
        )
    # Without a source the graph is refused whatever its input.
    return read_graph_argument(text, [*overrides, *(f"{source}.uri={uri}" for source in sources)])


def _sources(text: str) -> list[str]:
    """Return the names of a graph's sources, whose own inputs need not exist; what is wrong otherwise is
    left to the reader of graphs."""
    path = Path(text)
    root = read_one_line(text) if is_one_line(text) else read_yaml(path)
    folder = Path.cwd() if is_one_line(text) else path.resolve().parent
    found = []
    for name, (_key, node) in _map(root, "stages").items():
        type_ = node.value.get("type") if isinstance(node.value, dict) else None
        with contextlib.suppress(GraphError):
            if type_ and kind_of(find_stage(str(type_[1].value), folder)) == "source":
                found.append(name)
    return found


def _map(node: Node, name: str) -> dict[str, tuple[Node, Node]]:
    """Return the map that a map has under a name; {} if there is none."""
    inner = node.value.get(name) if isinstance(node.value, dict) else None
    return inner[1].value if inner and isinstance(inner[1].value, dict) else {}


def with_app_sink(graph: Graph, *, pictures: bool) -> Graph:
    """Return the graph with one app_sink, which is added where a json_sink is, or where all sinks are."""
    own = [spec.name for spec in graph.stages.values() if spec.type_name == TYPE]
    if len(own) > 1:
        raise GraphError(f"{PLACE}: the graph has more than one {TYPE}: {', '.join(own)}; leave one")
    name = own[0] if own else _free_name(graph)
    changed = graph if own else _added(graph, name)
    return _with_pictures(changed, name) if pictures else changed


def _added(graph: Graph, name: str) -> Graph:
    ends = [spec.name for spec in graph.stages.values() if spec.ends_a_chain]
    records = [end for end in ends if graph.stages[end].type_name == "json_sink"]
    before = list(dict.fromkeys(up for end in records or ends for up in graph.upstream(end)))
    for source in graph.of_kind("source"):
        met = [up for up in before if up in graph.reachable(source.name)]
        if len(met) != 1:
            found = f"its sinks are behind {', '.join(met)}" if met else "no sink of it writes records"
            raise GraphError(f"{PLACE}: which records of '{source.name}' are meant? {found}; {HOW}")
    spec = read_stage(
        name, Node(name, PLACE), {"type": (Node("type", PLACE), Node(TYPE, PLACE))}, graph.folder
    )
    links = (*graph.links, *((up, name) for up in before))
    # The ledger's place must not change with it: it is beside the first file.
    changed = dataclasses.replace(graph, stages={**graph.stages, name: spec}, links=links)
    check_graph(changed, dict.fromkeys(changed.links, PLACE))
    return changed


def _free_name(graph: Graph) -> str:
    names = ("records", *(f"records{number}" for number in range(len(graph.stages))))
    return next(name for name in names if name not in graph.stages)


def _with_pictures(graph: Graph, name: str) -> Graph:
    spec = graph.stages[name]
    changed = dataclasses.replace(
        spec,
        options=dataclasses.replace(spec.options, pictures=True),
        values={**spec.values, "pictures": True},
    )
    return dataclasses.replace(graph, stages={**graph.stages, name: changed})


def with_ledger(graph: Graph, folder: Path) -> Graph:
    """Return the graph with a ledger: in `folder` if it writes none of its own."""
    return graph if graph.ledger_path else dataclasses.replace(graph, ledger=str(folder / "ledger.json"))
