"""The tables of the live view, laid out for the available width: no heading or number is ever cut."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from framegraph.support.texts import in_one_line
from framegraph.view.snapshot import SourceRow, StageRow

NORMAL, WIDE = 104, 140
"""Terminal widths from which there is room for more columns of the table."""
LEAST_TEXT = 8
"""Names and states are folded to this width if necessary."""

Column = tuple[str, Callable[[Any], str], int]
"""Heading, text of a row, and the least width at which it is shown."""

_SOURCE_COLUMNS: tuple[Column, ...] = (
    ("captured/s", lambda row: rate(row.captured_fps), WIDE),
    ("delivered/s", lambda row: rate(row.delivered_fps), WIDE),
    ("frames/s", lambda row: rate(row.delivered_fps), 0),
    ("captured", lambda row: str(row.ledger.captured), NORMAL),
    ("delivered", lambda row: str(row.ledger.delivered), 0),
    ("dropped", lambda row: str(sum(row.ledger.dropped.values())), 0),
    ("failed", lambda row: str(sum(row.ledger.failed.values())), 0),
    ("in flight", lambda row: str(row.ledger.in_flight), NORMAL),
    ("p95", lambda row: f"{row.p95_ms:.0f} ms" if row.p95_ms is not None else "", NORMAL),
    ("done", lambda row: f"{row.progress:.0%}" if row.progress is not None else "", 0),
    ("left", lambda row: f"{row.left_s:.0f} s" if row.left_s is not None else "", 0),
)
_STAGE_COLUMNS: tuple[Column, ...] = (
    ("frames", lambda row: str(row.frames), 0),
    ("frames/s", lambda row: rate(row.fps), 0),
    ("ms/frame", lambda row: f"{row.ms_per_frame:.1f}", 0),
    ("waiting", lambda row: str(row.waiting), 0),
)


def source_table(rows: list[SourceRow], width: int) -> Table:
    """Return the table of the sources for a terminal of this width."""
    left_out = {"frames/s"} if width >= WIDE else set()
    columns = [column for column in _SOURCE_COLUMNS if column[2] <= width and column[0] not in left_out]
    return _table("source", columns, [(row.name, row.state_words, row) for row in rows])


def stage_table(rows: list[StageRow]) -> Table:
    """Return the table of the stages."""
    return _table("stage", _STAGE_COLUMNS, [(row.name, _together(row.state), row) for row in rows])


def _table(what: str, columns: tuple[Column, ...] | list[Column], rows: list[tuple[str, str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in (what, "state"):
        table.add_column(heading, overflow="fold", min_width=LEAST_TEXT)
    for heading, _text, _least in columns:
        table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
    for name, state, row in rows:
        # A state may hold text from an input: no markup, and nothing that moves the cursor.
        cells = [name, state, *(text(row) for _heading, text, _least in columns)]
        table.add_row(*(Text(in_one_line(cell)) for cell in cells))
    return table


def _together(states: str) -> str:
    """Return the states of a stage's replicas, each once: "3 running, starting"."""
    counted = Counter(states.split())
    if len(states.split()) < 2:
        return states
    return ", ".join(f"{count} {state}" if count > 1 else state for state, count in counted.items())


def rate(fps: float | None) -> str:
    """Return a rate as text; one that is too old is shown neither as 0 nor as it was."""
    return f"{fps:.1f}" if fps is not None else "?"
