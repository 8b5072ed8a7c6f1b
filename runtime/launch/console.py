"""What the user sees while a graph runs: one live table in a terminal, plain lines elsewhere."""

import sys
import time
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runtime.launch.snapshot import Look, SourceRow, StageRow

PLAIN_PERIOD_S = 5.0
_COLORS = {"ERROR": "bold red", "WARNING": "yellow"}


class View(Protocol):
    """Shows a run's progress and its log lines."""

    def start(self) -> None: ...

    def write(self, level: str, line: str) -> None: ...

    def refresh(self, look: Look) -> None: ...

    def stop(self) -> None: ...


def make_view(*, quiet: bool) -> View:
    """Return the view for where standard error goes."""
    console = Console(stderr=True, highlight=False)
    if console.is_terminal and not quiet:
        return LiveTable(console)
    return PlainLines(quiet=quiet)


class PlainLines:
    """A line every few seconds: for logs, pipes and services."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._next_at_s = time.monotonic() + PLAIN_PERIOD_S

    def start(self) -> None:
        """Nothing to set up."""

    def write(self, _level: str, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def refresh(self, look: Look) -> None:
        if self._quiet or time.monotonic() < self._next_at_s:
            return
        self._next_at_s = time.monotonic() + PLAIN_PERIOD_S
        for row in look.sources:
            starved = f", starved for {row.starved_s:.0f} s" if row.starved_s is not None else ""
            self.write(
                "INFO", f"{row.name}: {row.state}, {_sums(row)}{_latency(row)}{_progress(row)}{starved}"
            )
        self.write("INFO", "  ".join(_short(row) for row in look.stages))

    def stop(self) -> None:
        """Nothing to take down."""


class LiveTable:
    """One table that stays in place; log lines scroll above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def start(self) -> None:
        self._live.start()

    def write(self, level: str, line: str) -> None:
        self._console.print(Text(line, style=_COLORS.get(level, "")))

    def refresh(self, look: Look) -> None:
        self._live.update(Group(_stage_table(look.stages), _source_table(look.sources)))

    def stop(self) -> None:
        self._live.stop()


def _stage_table(rows: list[StageRow]) -> Table:
    table = Table(expand=False)
    table.add_column("stage")
    table.add_column("state")
    for heading in ("frames", "frames/s", "ms/frame", "waiting"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.name,
            row.state,
            str(row.frames),
            _rate(row.fps),
            f"{row.ms_per_frame:.1f}",
            str(row.waiting),
        )
    return table


def _source_table(rows: list[SourceRow]) -> Table:
    table = Table(expand=False)
    table.add_column("source")
    table.add_column("state")
    for heading in (
        "captured/s",
        "delivered/s",
        "captured",
        "delivered",
        "dropped",
        "failed",
        "in flight",
        "p95",
        "done",
        "left",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        ledger = row.ledger
        table.add_row(
            row.name,
            row.state_words,
            _rate(row.captured_fps),
            _rate(row.delivered_fps),
            str(ledger.captured),
            str(ledger.delivered),
            str(sum(ledger.dropped.values())),
            str(sum(ledger.failed.values())),
            str(ledger.in_flight),
            f"{row.p95_ms:.0f} ms" if row.p95_ms is not None else "",
            f"{row.progress:.0%}" if row.progress is not None else "",
            f"{row.left_s:.0f} s" if row.left_s is not None else "",
        )
    return table


def _sums(row: SourceRow) -> str:
    ledger = row.ledger
    return (
        f"{ledger.captured} captured, {ledger.delivered} delivered, {sum(ledger.dropped.values())} dropped, "
        f"{sum(ledger.failed.values())} failed, {ledger.in_flight} in flight"
    )


def _latency(row: SourceRow) -> str:
    return f", p95 {row.p95_ms:.0f} ms" if row.p95_ms is not None else ""


def _progress(row: SourceRow) -> str:
    if row.progress is None:
        return ""
    left = f", {row.left_s:.0f} s left" if row.left_s is not None else ""
    return f", {row.progress:.0%}{left}"


def _short(row: StageRow) -> str:
    return f"{row.name} {_rate(row.fps)}/s {row.ms_per_frame:.1f} ms"


def _rate(fps: float | None) -> str:
    """A rate that is too old to be told is not 0, and not what it was."""
    return f"{fps:.1f}" if fps is not None else "?"
