"""The reader of pipeline.yaml, one-line graphs and --set: every word is known, every value has its type."""

import dataclasses
import itertools
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from framegraph.errors import GraphError, ManyGraphError
from framegraph.graph.check import check_graph
from framegraph.graph.common import COMMON, meant_property
from framegraph.graph.model import Graph, StageSpec
from framegraph.graph.one_line import is_one_line, read_one_line
from framegraph.graph.problems import Problems
from framegraph.graph.registry import find_stage, kind_of
from framegraph.graph.yaml_text import Node, node_from_text, read_yaml, refuse_literal_password
from framegraph.properties import REQUIRED, brief, field_names, nearest, read_property
from framegraph.support.commands import program

TOP_KEYS = ("pipeline", "stages", "links", "ledger")
_POWER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")
STAGE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


def is_graph(text: str) -> bool:
    """Return whether an argument names a graph, not a stage type such as my_stages.Blur."""
    return is_one_line(text) or Path(text).suffix in (".yaml", ".yml")


def read_graph_argument(text: str, overrides: Iterable[str] = ()) -> Graph:
    """Read the GRAPH argument of the command line: the name of a file, or a graph in one line."""
    if is_one_line(text):
        refuse_literal_password(text, "graph")
        return _build(read_one_line(text), overrides, Path.cwd(), "one-line")
    if "://" in text:
        raise GraphError(
            f"{text}: is an input, not a graph; to play it: {program()} GRAPH --set SOURCE.uri={text}"
        )
    if "!" in text and not Path(text).exists():
        raise GraphError(
            f"'{text}' is neither a file nor a graph in one line; write a blank on each side of !"
        )
    return read_graph(Path(text), overrides)


def read_graph(path: Path, overrides: Iterable[str] = ()) -> Graph:
    """Read and check a graph file, with `STAGE.PROPERTY=VALUE` overrides; GraphError says what is wrong."""
    return _build(read_yaml(path), overrides, path.resolve().parent, path.stem)


def _build(root: Node, overrides: Iterable[str], folder: Path, default_name: str) -> Graph:
    top = root.mapping("the graph")
    problems = Problems()
    for name, (key, _node) in top.items():
        if name not in TOP_KEYS:
            with problems.catch():
                raise key.fail(f"unknown key '{name}'{nearest(name, TOP_KEYS)}")
    for needed in ("stages", "links"):
        if needed not in top:
            problems.raise_if_any()  # one of the unknown ones may have been meant for it
            raise root.fail(f"'{needed}' is missing; a graph has 'stages' and 'links'")
    misnamed = Problems()
    described, names = _stage_nodes(top["stages"][1], misnamed)
    problems.found += misnamed.found
    for override in overrides:
        with problems.catch():
            _override(described, override)
    stages: dict[str, StageSpec] = {}
    for name, (key, node) in described.items():
        with problems.catch():
            stages[name] = read_stage(name, key, node, folder, problems)
    unlinked = Problems()
    with unlinked.catch():
        links, places = _links(top["links"][1], names, unlinked)
    name, ledger = default_name, None
    with problems.catch():
        name = _text(top, "pipeline") or default_name
    with problems.catch():
        ledger = _text(top, "ledger")
    problems.found += unlinked.found
    if (
        unlinked.found or misnamed.found or len(stages) < len(described)
    ):  # further errors would only follow from what is missing
        problems.raise_if_any()
    graph = Graph(name=name, folder=folder, stages=stages, links=tuple(links), ledger=ledger)
    with problems.catch():
        check_graph(graph, places)
    problems.raise_if_any()
    return graph


def _text(top: dict[str, tuple[Node, Node]], name: str) -> str | None:
    if name not in top:
        return None
    node = top[name][1]
    if not isinstance(node.value, str):
        raise node.fail(f"'{name}' must be text")
    return node.value


def _stage_nodes(
    node: Node, problems: Problems
) -> tuple[dict[str, tuple[Node, dict[str, tuple[Node, Node]]]], list[str]]:
    """Return the stages that can be read, and all names."""
    found = {}
    whole = node.mapping("'stages'")
    for name, (key, value) in whole.items():
        with problems.catch():
            found[name] = (key, dict(value.mapping(f"stage '{name}'")))
        with problems.catch():
            if not STAGE_NAME.fullmatch(name):
                raise key.fail(f"stage name '{name}': use a letter, then letters, digits, - or _, 32 at most")
    if not whole:
        raise node.fail("'stages' is empty; a graph has at least a source and a sink")
    return found, list(whole)


def _override(described: dict[str, tuple[Node, dict[str, tuple[Node, Node]]]], override: str) -> None:
    place = f"--set {override}"
    target, equals, text = override.partition("=")
    stage, dot, name = target.partition(".")
    if not (equals and dot and stage and name):
        raise GraphError(f"{place}: expected STAGE.PROPERTY=VALUE, e.g. --set source.uri=FILE")
    if stage not in described:
        raise GraphError(f"{place}: there is no stage '{stage}'{nearest(stage, described)}")
    refuse_literal_password(text, place)
    described[stage][1][name] = (Node(name, place), node_from_text(text, place))


def read_stage(
    name: str,
    key: Node,
    nodes: dict[str, tuple[Node, Node]],
    folder: Path,
    problems: Problems | None = None,
) -> StageSpec:
    """Read and check one stage on its own: its type, and its properties as {word: (key node, value node)}.

    With `problems`, what is wrong with a property is noted there, and the stage has its default for it.
    """
    noted = problems if problems is not None else Problems()
    if "type" not in nodes:
        raise key.fail(f"stage '{name}' has no 'type'; say what it is, e.g. type: detect")
    type_node = nodes["type"][1]
    if not isinstance(type_node.value, str):
        raise type_node.fail(f"the type of stage '{name}' must be a word, e.g. detect")
    try:
        stage = find_stage(type_node.value, folder)
    except GraphError as error:
        raise type_node.fail(f"stage '{name}': {error}") from None
    kind = kind_of(stage)
    given = {word: pair for word, pair in nodes.items() if word != "type"}
    own, common = field_names(stage.Options), field_names(COMMON[kind])
    for word, (word_key, _value) in given.items():
        if word not in own and word not in common:
            with noted.catch():
                raise word_key.fail(
                    f"stage '{name}': unknown property '{word}'"
                    f"{meant_property(word, [*own, *common, 'type'])}"
                )
    before = len(noted.found)
    options = _options(stage.Options, own, given, name, key, noted)
    spec = StageSpec(
        name=name,
        type_name=type_node.value,
        kind=kind,
        stage=stage,
        options=options,
        common=_options(COMMON[kind], common, given, name, key, noted),
        values={word: value.plain() for word, (_key, value) in given.items()},
        place=key.place,
    )
    if problems is None:
        noted.raise_if_any()
    try:
        if len(noted.found) == before:  # else the check would use a default that nobody asked for
            stage.check(options)
    except GraphError as error:
        raise key.fail(f"stage '{name}': {error}{_overrides(given)}") from None
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}; name another file"
        raise key.fail(f"stage '{name}': {problem}{_overrides(given)}") from None
    return spec


def _overrides(given: dict[str, tuple[Node, Node]]) -> str:
    """Return which values came from the command line: a stage's own check does not know."""
    places = [value.place for _key, value in given.values() if value.place.startswith("--set ")]
    return f" (with {', '.join(places)})" if places else ""


def _options(
    options: type,
    known: dict[str, str],
    given: dict[str, tuple[Node, Node]],
    stage: str,
    key: Node,
    problems: Problems,
) -> Any:
    values = {}
    for word, name in known.items():
        if word not in given:
            continue
        node = given[word][1]
        with problems.catch():
            try:
                values[name] = read_property(options, name, node.plain())
            except ValueError as error:
                raise node.fail(
                    f"stage '{stage}', property '{word}': {error}, got {brief(node.plain())}"
                    f"{_trap(node.plain())}"
                ) from None
    for field in dataclasses.fields(options):
        if (
            field.default is REQUIRED
            and field.name not in values
            and not _is_absent(field.name, known, given)
        ):
            raise ManyGraphError([])  # the problem is noted; without this value the stage cannot be made
        if field.default is REQUIRED and field.name not in values:
            raise key.fail(f"stage '{stage}': property '{field.name.replace('_', '-')}' is missing; set it")
    try:
        return options(**values)
    except GraphError as error:
        raise key.fail(f"stage '{stage}': {error}") from None


def _is_absent(name: str, known: dict[str, str], given: dict[str, tuple[Node, Node]]) -> bool:
    return not any(known[word] == name for word in given if word in known)


def _trap(value: Any) -> str:
    """Return a hint, "; …", for a word that YAML reads as another type."""
    if isinstance(value, bool):
        return "; YAML reads yes, no, on and off as true and false: put the word into quotes"
    if isinstance(value, str) and _POWER.fullmatch(value):
        return "; YAML takes a power without point and sign for text: write 1.0e-3 for 1e-3, 1.0e+3 for 1e3"
    return ""


def _links(
    node: Node, stages: Collection[str], problems: Problems
) -> tuple[list[tuple[str, str]], dict[tuple[str, str], str]]:
    if not isinstance(node.value, list):
        raise node.fail("'links' must be a list of chains such as: source ! work ! sink")
    links: list[tuple[str, str]] = []
    places: dict[tuple[str, str], str] = {}
    for chain in node.value:
        with problems.catch():
            for link in _links_of(chain, stages):
                if link in places:
                    raise chain.fail(f"the link {link[0]} ! {link[1]} is given twice; remove one")
                links.append(link)
                places[link] = chain.place
    return links, places


def _links_of(chain: Node, stages: Collection[str]) -> list[tuple[str, str]]:
    if not isinstance(chain.value, str):
        raise chain.fail("a link is text such as: source ! work ! sink")
    names = [part.strip() for part in chain.value.split("!")]
    if len(names) < 2 or not all(names):
        raise chain.fail(f"'{chain.value}' is not a chain; write two or more stages with ! between them")
    for name in names:
        if name not in stages:
            raise chain.fail(f"there is no stage '{name}'{nearest(name, stages)}")
    return list(itertools.pairwise(names))
