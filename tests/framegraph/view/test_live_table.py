"""The live table on terminals of every width: nothing is cut, and nothing of it is left when the run is over."""

import fcntl
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

import pyte
import pytest
from rich.console import Console

from framegraph.frames.ledger import Ledger
from framegraph.view.snapshot import SourceRow, StageRow
from framegraph.view.tables import source_table, stage_table
from tests.launching import PROJECT, lines, wait_for
from tests.system.graphs import cheap_graph

NARROW = "source state frames/s delivered dropped failed done left"
NORMAL = "source state frames/s captured delivered dropped failed in flight p95 done left"
WIDE = "source state captured/s delivered/s captured delivered dropped failed in flight p95 done left"
HEADINGS = {80: NARROW, 103: NARROW, 104: NORMAL, 120: NORMAL, 139: NORMAL, 140: WIDE, 200: WIDE}
STAGE_HEADINGS = "stage state frames frames/s ms/frame waiting"
LONG_NAME = "the_camera_above_the_north_door"
RETRYING = "retrying (connection refused, next try in 10 s), starved 127 s"


def source_row(
    name: str = "camera",
    state: str = "running",
    *,
    captured: int = 123_456,
    starved_s: float | None = None,
    left_s: float = 1234.0,
    p95_ms: float = 345.0,
) -> SourceRow:
    return SourceRow(
        name=name,
        state=state,
        priority=1,
        ledger=Ledger(
            captured=captured, delivered=captured - 21, dropped={"leaky": 9, "late": 3}, failed={"detect": 4}, in_flight=5
        ),
        captured_fps=1234.5,
        delivered_fps=1198.7,
        starved_s=starved_s,
        progress=0.987,
        left_s=left_s,
        age_s=0.1,
        p95_ms=p95_ms,
    )  # fmt: skip


def stage_row(name: str = "detect", state: str = "running", *, fps: float | None = 1234.5) -> StageRow:
    return StageRow(name=name, state=state, frames=12_345_678, fps=fps, ms_per_frame=1234.5, waiting=128)


def printed(table: object, width: int) -> list[str]:
    console = Console(width=width, height=50, color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(table)
    return capture.get().splitlines()


@pytest.mark.parametrize("width", HEADINGS)
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([source_row()], id="usual"),
        pytest.param([source_row(LONG_NAME, RETRYING), source_row("b", "eos")], id="long"),
        pytest.param([source_row(starved_s=3_600.0), source_row(captured=99_999_999)], id="many frames"),
        pytest.param([], id="none"),
    ],
)
def test_the_table_of_sources_is_whole_at_every_width(width: int, rows: list[SourceRow]) -> None:
    assert_whole(width, rows)


@pytest.mark.parametrize("width", HEADINGS)
def test_the_table_is_whole_with_hours_left_and_seconds_of_latency_too(width: int) -> None:
    assert_whole(width, [source_row(left_s=86_399.0, p95_ms=12_345.0)])


def assert_whole(width: int, rows: list[SourceRow]) -> None:
    shown = printed(source_table(rows, width), width)
    assert max(len(line.rstrip()) for line in shown) <= width
    assert "…" not in "".join(shown)
    assert " ".join(shown[0].split()) == HEADINGS[width]


@pytest.mark.parametrize("width", HEADINGS)
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([stage_row()], id="usual"),
        pytest.param([stage_row(LONG_NAME, "waiting for disk"), stage_row(fps=None)], id="long"),
        pytest.param([stage_row(state=" ".join(["running"] * 40 + ["starting"] * 24))], id="many replicas"),
    ],
)
def test_the_table_of_stages_is_whole_at_every_width(width: int, rows: list[StageRow]) -> None:
    shown = printed(stage_table(rows), width)
    assert max(len(line.rstrip()) for line in shown) <= width
    assert "…" not in "".join(shown)
    assert " ".join(shown[0].split()) == STAGE_HEADINGS
    assert all("12345678" in line for line in shown if "1234.5" in line)


@pytest.mark.parametrize("width", HEADINGS)
def test_long_names_and_states_are_folded_and_not_cut(width: int) -> None:
    head, _rule, *rows = printed(source_table([source_row(LONG_NAME, RETRYING)], width), width)
    state, after = head.index("state"), re.search(r"(frames|captured)/s", head)
    assert after is not None
    assert "".join("".join(row[:state] for row in rows).split()) == LONG_NAME
    assert "".join("".join(row[state : after.start()] for row in rows).split()) == "".join(RETRYING.split())


def test_numbers_are_never_folded() -> None:
    shown = printed(source_table([source_row(captured=10**9, left_s=86_399.0)], 80), 80)
    assert "999999979" in shown[2]
    assert "86399 s" in shown[2]
    assert "99%" in shown[2]


def test_replicas_are_counted_by_their_states() -> None:
    [row] = printed(stage_table([stage_row(state="running running starting running")]), 80)[2:]
    assert "3 running, starting" in row


def test_a_rate_that_is_too_old_to_be_told_is_a_question_mark() -> None:
    [row] = printed(stage_table([stage_row(fps=None)]), 80)[2:]
    assert row.split()[3] == "?"


# On a real terminal


class Terminal:
    """A terminal of so many columns with a run of the launcher on it: what its user sees, and types."""

    def __init__(self, folder: Path, graph: Path, *, columns: int, rows: int = 40) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.keys, side = os.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.flags_before = self.flags
        # A short name: the run's sockets are in it.
        self._temporary = Path(tempfile.mkdtemp(prefix="t"))
        without = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
        env = {name: value for name, value in os.environ.items() if name not in without}
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", sys.executable, str(PROJECT / "launcher.py"), str(graph)],
            cwd=folder,
            stdin=side,
            stdout=side,
            stderr=side,
            env={**env, "TERM": "xterm", "TMPDIR": str(self._temporary), "PYTHONPATH": str(PROJECT)},
        )
        self._side = side
        os.set_blocking(self.keys, False)

    @property
    def flags(self) -> int:
        return int(termios.tcgetattr(self.keys)[3])

    def look(self) -> str:
        """Take in what was written since, and return the screen."""
        try:
            while data := os.read(self.keys, 65536):
                self._stream.feed(data)
        except BlockingIOError:
            pass
        return "\n".join(line.rstrip() for line in self.screen.display)

    def type(self, keys: bytes) -> None:
        os.write(self.keys, keys)

    def wait(self) -> int:
        wait_for(lambda: self.look() is not None and self.process.poll() is not None, "end of the run")
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.keys)
        os.close(self._side)
        shutil.rmtree(self._temporary)


def is_whole(screen: str) -> bool:
    """Whether both tables stand there, with all their headings and a stage that runs."""
    heads = [" ".join(line.split()) for line in screen.splitlines() if "state" in line]
    return heads == [STAGE_HEADINGS, NARROW] and "2 running" in screen


def test_a_run_on_a_terminal_shows_whole_tables_and_leaves_none_of_them(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=100_000, work={"sleep_ms": 5, "replicas": 2})
    terminal = Terminal(tmp_path, graph, columns=80)
    try:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) > 20, "frames")
        # What is read may end in the middle of what is written.
        shown = wait_for(lambda: is_whole(now := terminal.look()) and now, "tables")
        assert "…" not in shown
        assert terminal.flags == terminal.flags_before & ~termios.ECHOCTL
        terminal.type(b"\x03")
        assert terminal.wait() == 130
        left = terminal.look()
        assert "SIGINT: finishing what is under way" in left
        assert "source counter: " in left
        assert "wrote out/ledger.json (ledger)" in left
        assert not re.search(r"^(stage|source) +state", left, re.MULTILINE)
        assert "^C" not in left
        assert "\u2500" not in left, "no rule of a table either"
        assert terminal.flags == terminal.flags_before
    finally:
        terminal.close()


def test_what_a_camera_says_is_shown_as_it_is_and_moves_nothing() -> None:
    hostile = "retrying ([red]no[/red] [/] \x1b[2J\x1b]0;x\x07 \r\nINFO all is well)"
    console = Console(width=200, force_terminal=True, highlight=False)
    with console.capture() as captured:
        console.print(source_table([source_row(state=hostile)], 200))
    shown = re.sub(r"\x1b\[[0-9;]*m", "", captured.get())
    assert "[red]no[/red] [/] \\x1b[2J\\x1b]0;x\\x07" in " ".join(shown.split())
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", shown)
