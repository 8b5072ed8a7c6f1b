"""The console of a running graph: one live table in a terminal, plain lines elsewhere."""

import contextlib
import sys
import termios
import time
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from framegraph.view.snapshot import RunSnapshot, SourceRow, StageRow
from framegraph.view.tables import rate, source_table, stage_table

PLAIN_PERIOD_S = 5.0
_COLORS = {"ERROR": "bold red", "WARNING": "yellow"}


class View(Protocol):
    """Shows a run's progress and its log lines."""

    def start(self) -> None: ...

    def write(self, level: str, line: str) -> None: ...

    def refresh(self, look: RunSnapshot) -> None: ...

    def stop(self) -> None: ...


def make_view(*, quiet: bool) -> View:
    """Return the view that suits standard error."""
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

    def refresh(self, look: RunSnapshot) -> None:
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
        self._no_echo = _NoEchoOfKeys()
        self._live.start()

    def write(self, level: str, line: str) -> None:
        self._console.print(Text(line, style=_COLORS.get(level, "")))

    def refresh(self, look: RunSnapshot) -> None:
        sources = source_table(look.sources, self._console.width)
        self._live.update(Group(stage_table(look.stages), Text(), sources))

    def stop(self) -> None:
        self._live.stop()
        self._no_echo.undo()


class _NoEchoOfKeys:
    """While a table stands on the terminal, Ctrl-C does not write "^C" into it."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None
        try:
            self._fd = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._fd)
            changed = [*self._before]
            changed[3] &= ~termios.ECHOCTL
            termios.tcsetattr(self._fd, termios.TCSADRAIN, changed)
        except (termios.error, OSError, ValueError, AttributeError):  # no terminal, or none that we may set
            self._before = None

    def undo(self) -> None:
        if self._before is not None:
            # The terminal may have been closed meanwhile.
            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)


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
    return f"{row.name} {rate(row.fps)}/s {row.ms_per_frame:.1f} ms"
