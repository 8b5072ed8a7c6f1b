"""A graph as a drawing: Mermaid text, or an SVG of its own layout, column by column from the sources."""

import dataclasses
from xml.sax.saxutils import escape, quoteattr

from framegraph.graph.model import Graph, StageSpec
from framegraph.tools.describe.caps import carried

_BOX_W, _BOX_H, _GAP_X, _GAP_Y, _MARGIN = 150, 54, 150, 34, 20
"""Pixels. The gap between columns has room for the caps of a link."""
_TEXT_LIMIT = 20
"""Number of 7 px letters that fit into a box; longer texts are cut, and the tool tip has them in full."""
_FILLS = {
    "source": "#d9ead3",
    "worker": "#dbe7f6",
    "ordered": "#f6ecd0",
    "sink": "#f4dcd6",
    "leaky": "#eeeeee",
}
_MERMAID_SHAPES = {
    "source": ("([", "])"),
    "worker": ("[", "]"),
    "ordered": ("[[", "]]"),
    "sink": ("[(", ")]"),
    "leaky": ("(", ")"),
}


def draw(graph: Graph, format_: str) -> str:
    """Return the graph as "mermaid" or "svg"."""
    return svg(graph) if format_ == "svg" else mermaid(graph)


def mermaid(graph: Graph) -> str:
    """Return the graph as a Mermaid flowchart: Markdown on many sites shows it drawn."""
    ids = {name: f"s{number}" for number, name in enumerate(graph.stages)}
    lines = ["flowchart LR"]
    for name, stage in graph.stages.items():
        left, right = _MERMAID_SHAPES[stage.kind]
        lines.append(f'    {ids[name]}{left}"{_mermaid_text(f"{name}<br/>{_what(stage)}")}"{right}')
    for (up, down), words in carried(graph).items():
        label = f'|"{_mermaid_text(", ".join(words))}"|' if words else ""
        lines.append(f"    {ids[up]} -->{label} {ids[down]}")
    return "\n".join(lines) + "\n"


def svg(graph: Graph) -> str:
    """Return the graph as one SVG drawing, without scripts or anything from elsewhere."""
    places = layout(graph)
    width = max(place.x for place in places.values()) + _BOX_W + _MARGIN
    height = max(place.y for place in places.values()) + _BOX_H + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(graph.name)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#555"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    links = carried(graph).items()
    parts += [_arrow(places[up], places[down], words, f"{up} ! {down}") for (up, down), words in links]
    parts += [_box(place, graph.stages[name]) for name, place in places.items()]
    return "\n".join([*parts, "</svg>", ""])


@dataclasses.dataclass(frozen=True)
class NodePosition:
    """The upper left corner of a stage's box."""

    x: int
    y: int


def layout(graph: Graph) -> dict[str, NodePosition]:
    """Place every stage one column to the right of the last stage before it, level with it if there is
    room."""
    columns: dict[str, int] = {}

    def column(name: str) -> int:
        if name not in columns:
            columns[name] = max((column(up) + 1 for up in graph.upstream(name)), default=0)
        return columns[name]

    places: dict[str, NodePosition] = {}
    for number in range(max(map(column, graph.stages)) + 1):
        wanted = []
        for order, name in enumerate(name for name in graph.stages if columns[name] == number):
            above = [places[up].y for up in graph.upstream(name)]
            wanted.append((sum(above) // len(above) if above else 0, order, name))
        next_y = _MARGIN
        for y, _order, name in sorted(wanted):
            places[name] = NodePosition(_MARGIN + number * (_BOX_W + _GAP_X), max(y, next_y))
            next_y = places[name].y + _BOX_H + _GAP_Y
    return places


def _box(place: NodePosition, stage: StageSpec) -> str:
    middle = place.x + _BOX_W // 2
    return (
        f"<g><title>{escape(f'{stage.name}: {_what(stage)}')}</title>"
        f'<rect x="{place.x}" y="{place.y}" width="{_BOX_W}" height="{_BOX_H}" rx="6" '
        f'fill={quoteattr(_FILLS[stage.kind])} stroke="#555"/>'
        f'<text x="{middle}" y="{place.y + 23}" text-anchor="middle" font-weight="bold">'
        f"{escape(_short(stage.name))}</text>"
        f'<text x="{middle}" y="{place.y + 41}" text-anchor="middle" fill="#444">'
        f"{escape(_short(_what(stage)))}</text></g>"
    )


def _arrow(up: NodePosition, down: NodePosition, words: tuple[str, ...], link: str) -> str:
    x0, y0, x1, y1 = up.x + _BOX_W, up.y + _BOX_H // 2, down.x, down.y + _BOX_H // 2
    bend = x1 - _GAP_X // 2
    curve = f"M{x0},{y0} C{bend},{y0} {bend},{y1} {x1},{y1}"
    path = f'<path d="{curve}" fill="none" stroke="#555" marker-end="url(#tip)"/>'
    tip = f"<title>{escape(link)}: {escape(', '.join(words) or 'frames')}</title>"
    # Only what came last: the whole list stands in the tool tip, and a word may have more letters than room.
    label = f"… {words[-1]}" if len(words) > 1 else "".join(words)
    style = 'text-anchor="end" font-size="11" fill="#777"'
    text_y = y1 - 7 if y1 <= y0 else y1 + 15  # on the side from which the curve does not come
    text = f'<text x="{x1 - 12}" y="{text_y}" {style}>{escape(_short(label))}</text>'
    return f"<g>{tip}{path}{text if label else ''}</g>"


def _what(stage: StageSpec) -> str:
    return stage.type_name + (f" x{stage.replicas}" if stage.replicas > 1 else "")


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…"


def _mermaid_text(text: str) -> str:
    return text.replace('"', "#quot;")
