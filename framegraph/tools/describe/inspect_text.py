"""The output of `launcher.py inspect`: a stage type, all of them, or the links of a graph, as in
gst-inspect."""

import textwrap

from framegraph.graph.model import Graph
from framegraph.tools.describe.caps import carried, pads_of, payload_of
from framegraph.tools.describe.facts import Property, StageFacts

WIDTH = 100


def list_text(all_facts: list[StageFacts]) -> str:
    """Return one line per stage type."""
    width = max(len(facts.type_name) for facts in all_facts)
    return "\n".join(
        f"{facts.type_name:<{width}}  {facts.kind:<7}  "
        + textwrap.shorten(facts.summary, WIDTH - width - 11, placeholder=" …")
        for facts in all_facts
    )


def stage_text(facts: StageFacts) -> str:
    """Return everything about a stage type: description, pads with their caps, properties."""
    parts = [f"{facts.type_name}: a {facts.kind}" if facts.kind != "ordered" else _ordered(facts)]
    if facts.text:
        parts.append(textwrap.indent(facts.text, "  "))
    parts.append(f"Class\n  {facts.module}")
    if facts.kind == "worker" and facts.stage.default_batch > 1:
        parts.append(f"Batch\n  {facts.stage.default_batch} packets at most, where the graph does not say")
    pads = [
        f"  {pad.upper()}: '{pad}'\n" + "\n".join(f"    {caps}" for caps in words)
        for pad, words in pads_of(facts.stage, facts.kind).items()
    ]
    parts.append("Pads\n" + "\n".join(pads))
    parts.append("Properties\n" + _table(facts.own))
    parts.append(f"Properties of every {facts.kind}{_stage_word(facts)}\n" + _table(facts.common))
    return "\n\n".join(parts)


def graph_text(graph: Graph) -> str:
    """Return the links of a graph, each with the caps of what runs over it."""
    links = {
        f"{up} ! {down}": (payload_of(graph, up), *words) for (up, down), words in carried(graph).items()
    }
    width = max(map(len, links))
    lines = [f"{link:<{width}}  {'; '.join(words)}" for link, words in links.items()]
    return "\n".join([f"{graph.name}: {len(graph.stages)} stages, {len(graph.links)} links", *lines])


def _ordered(facts: StageFacts) -> str:
    return f"{facts.type_name}: an ordered stage, with a memory per source"


def _stage_word(facts: StageFacts) -> str:
    return " stage" if facts.kind in ("ordered", "worker") else ""


def _table(properties: tuple[Property, ...]) -> str:
    if not properties:
        return "  none"
    width = max(len(each.key) for each in properties)
    lines = []
    for each in properties:
        kind = "; ".join(filter(None, (each.type_words, each.range_words)))
        default = "required" if each.is_required else f"default {each.default_words}"
        default += "; may be set while running" if each.help.while_running else ""
        margin = " " * (width + 6)
        lines.append(
            textwrap.fill(
                each.help.doc, WIDTH, initial_indent=f"  {each.key:<{width}}  : ", subsequent_indent=margin
            )
        )
        lines.append(
            textwrap.fill(f"{kind}; {default}", WIDTH, initial_indent=margin, subsequent_indent=margin)
        )
    return "\n".join(lines)
