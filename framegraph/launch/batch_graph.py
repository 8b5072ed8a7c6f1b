"""The graph of each input of a batch, made from the graph that was given."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from framegraph.errors import GraphError
from framegraph.graph.check import check_graph
from framegraph.graph.model import Graph, StageSpec
from framegraph.stage import Source

LEDGER = "ledger.json"
PLACE = "{source}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """A graph whose source names several inputs: `uris`, of which `parallel` run at once."""

    graph: Graph
    source: str
    uris: list[str]
    parallel: int

    @property
    def digest(self) -> str:
        """Identifies the command: how many run at once does not matter."""
        return self._with_source({}).digest

    @property
    def base(self) -> Path:
        """The folder for the dated one: that of the first output, or else of the ledger."""
        found = [stage.location for stage in self.graph.stages.values() if stage.location is not None]
        place = Path(found[0] if found else self.graph.ledger or "out/ledger")
        named = next((each for each in (place, *place.parents) if "{" not in str(each)), Path())
        return named.parent if named == place else named

    @property
    def words(self) -> list[str]:
        """The arguments that give another process the graph on the first input alone."""
        return ["--set", f"{self.source}.uri={self.uris[0]}"]

    def check_first(self) -> None:
        """Raise GraphError if the graph cannot run on the first input."""
        graph = self._with_source({"uri": self.uris[0]})
        check_input(graph)
        check_rest(graph)

    def graph_of(self, uri: str, name: str, dated: Path) -> Graph:
        """Return the graph of one input, whose source is called `name`. An output whose location has no
        {source} goes into a folder of the batch's date and the input's name."""
        graph = self._with_source({"uri": uri})
        stages = {}
        for stage in graph.stages.values():
            if stage.name == self.source:
                stages[name] = dataclasses.replace(stage, name=name)
            elif stage.location is not None and PLACE not in stage.location:
                place = Path(stage.location)
                location = str(place.parent / dated.name / PLACE / place.name)
                stages[stage.name] = _changed(stage, {"location": location})
            else:
                stages[stage.name] = stage
        links = tuple((name if up == self.source else up, down) for up, down in graph.links)
        return dataclasses.replace(
            graph,
            name=f"{graph.name}: {name}",
            stages=stages,
            links=links,
            ledger=str(dated / name / LEDGER),
        )

    def _with_source(self, changes: dict[str, str]) -> Graph:
        spec = self.graph.stages[self.source]
        values = {word: value for word, value in spec.values.items() if word != "parallel"}
        spec = _changed(dataclasses.replace(spec, values=values), changes)
        return dataclasses.replace(self.graph, stages={**self.graph.stages, self.source: spec})


def _changed(stage: StageSpec, changes: dict[str, str]) -> StageSpec:
    return dataclasses.replace(
        stage, options=dataclasses.replace(stage.options, **changes), values={**stage.values, **changes}
    )


def batch_of(graph: Graph) -> Batch | None:
    """Return the batch that a graph stands for, None if its source names one input; GraphError for several
    inputs next to another source, or without an end."""
    sources = graph.of_kind("source")
    for spec in sources:
        assert issubclass(spec.stage, Source)
        uris = spec.stage.batch(spec.options)
        if not uris:
            continue
        if len(sources) > 1:
            raise GraphError(
                f"{spec.place}: '{spec.name}' names {len(uris)} inputs, which a graph with one source may; "
                f"this has {len(sources)}: give one input to each"
            )
        if getattr(spec.options, "loop", False):
            raise GraphError(
                f"{spec.place}: '{spec.name}' names several inputs, and with loop the first never ends"
            )
        return Batch(graph=graph, source=spec.name, uris=uris, parallel=spec.common.parallel)
    return None


def check_input(graph: Graph) -> None:
    """Raise GraphError if the input of a graph made by `graph_of` cannot be played."""
    for spec in graph.of_kind("source"):
        try:
            spec.stage.check(spec.options)
        except OSError as error:
            raise GraphError(f"{error.filename}: {error.strerror}; name another file") from None


def check_rest(graph: Graph) -> None:
    """Raise GraphError if a graph made by `graph_of` cannot run, whatever its input."""
    check_graph(graph, {link: graph.stages[link[0]].place for link in graph.links})
