"""Caps: the contents of packets on a link, and what a stage's pads take and give."""

from typing import Any

from framegraph.graph.model import Graph
from framegraph.stage import Stage

ANY = "ANY"
"""Caps of a stage that takes any payload."""


def pads_of(stage: type[Stage[Any]], kind: str) -> dict[str, tuple[str, ...]]:
    """Return {pad: caps}: a source has no sink pad, a sink has no src pad."""
    pads, payload = {}, stage.payload or ANY
    if kind != "source":
        pads["sink"] = (payload, *stage.takes)
    if kind not in ("sink", "leaky"):
        pads["src"] = (payload, *stage.gives)
    return pads


def payload_of(graph: Graph, name: str) -> str:
    """Return the format of the payloads that a stage sends on: that of its sources, if they all agree."""
    formats = {graph.stages[source].stage.payload for source in graph.sources_of(name)}
    return formats.pop() or ANY if len(formats) == 1 else ANY


def carried(graph: Graph) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return for each link the words that earlier stages have put into every packet on it.

    Where several sources meet, these are the words that all of their packets have.
    """
    after: dict[str, tuple[str, ...]] = {}

    def gives(name: str) -> tuple[str, ...]:
        if name not in after:
            before = [gives(up) for up in graph.upstream(name)]
            common = [word for word in before[0] if all(word in other for other in before)] if before else []
            own = graph.stages[name].stage.gives
            after[name] = (*common, *(word for word in own if word not in common))
        return after[name]

    return {link: gives(link[0]) for link in graph.links}
