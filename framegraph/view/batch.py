"""The view of a batch: one table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections import Counter
from typing import Protocol

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from framegraph.support.secrets import redact
from framegraph.support.texts import in_one_line

LINE_PERIOD_S = 5.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchRow:
    """One input: its uri, its state and what is to be said of it."""

    uri: str
    state: str
    words: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchLook:
    """A batch at one moment. `rows`: those that run, and the last that failed."""

    counts: Counter[str]
    rows: list[BatchRow]
    left_s: float | None

    def describe(self) -> str:
        """Return the numbers in one line."""
        counted = ", ".join(
            f"{self.counts[state]} {state}" for state in ("done", "running", "waiting", "failed")
        )
        return counted + (f"; {duration(self.left_s)} left" if self.left_s is not None else "")


class BatchView(Protocol):
    """Shows how far a batch is, and what happens in it."""

    def start(self) -> None: ...

    def write(self, line: str) -> None: ...

    def refresh(self, look: BatchLook) -> None: ...

    def stop(self) -> None: ...


def make_batch_view(*, quiet: bool) -> BatchView:
    """Return the view that suits standard error."""
    console = Console(stderr=True, highlight=False)
    return BatchTable(console) if console.is_terminal and not quiet else BatchLines(quiet=quiet)


class BatchLines:
    """A line for each input that ends, and one on all every few seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._next_at_s = time.monotonic() + LINE_PERIOD_S

    def start(self) -> None:
        """Nothing to set up."""

    def write(self, line: str) -> None:
        if not self._quiet:
            print(line, file=sys.stderr, flush=True)

    def refresh(self, look: BatchLook) -> None:
        if time.monotonic() < self._next_at_s:
            return
        self._next_at_s = time.monotonic() + LINE_PERIOD_S
        running = [f"{shown(row.uri)} {row.words}" for row in look.rows if row.state == "running"]
        self.write(f"{look.describe()}: {', '.join(running)}")

    def stop(self) -> None:
        """Nothing to take down."""


class BatchTable:
    """A table that stays in place. It is drawn when it is told to: the launcher has no second thread, because
    it forks."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def start(self) -> None:
        self._live.start()

    def write(self, line: str) -> None:
        self._console.print(Text(line))

    def refresh(self, look: BatchLook) -> None:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        for heading in ("input", "state", ""):
            table.add_column(heading, overflow="fold")
        for row in look.rows:
            table.add_row(*(Text(shown(cell)) for cell in (row.uri, row.state, row.words)))
        self._live.update(Group(table, Text(look.describe())), refresh=True)

    def stop(self) -> None:
        self._live.update(Text(), refresh=True)
        self._live.stop()


def shown(text: str) -> str:
    """Return a name or a reason as it may be displayed."""
    return redact(in_one_line(text))


def duration(seconds: float) -> str:
    """Return a time span in words: 41 s, 12 min, 3 h 20 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
