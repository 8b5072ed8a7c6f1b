"""examples/other_field: lines of a log, by framegraph alone. Each is in the report once, and in order."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.launching import PROJECT

EXAMPLE = PROJECT / "examples/other_field"
LEVELS = ("INFO", "INFO", "WARNING", "INFO", "ERROR")
LINES = 1500


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the example's files, a log, and framegraph on the path, but no other package of ours."""
    for file in EXAMPLE.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "path").mkdir()
    (tmp_path / "path/framegraph").symlink_to(PROJECT / "framegraph")
    lines = [f"12:00 {LEVELS[number % 5]} request {number}" for number in range(LINES)]
    lines[40] = "a line of another kind"
    (tmp_path / "app.log").write_text("\n".join(lines) + "\n")
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "run.py", *arguments, "graph.yaml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "path"), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    # 3: the line of another kind has failed.
    assert done.returncode == (0 if "--drill" in arguments else 3), done.stdout + done.stderr
    return done.stdout


def check(folder: Path) -> None:
    records = [json.loads(line) for line in (folder / "out/report.jsonl").read_text().splitlines()]
    assert [record["number"] for record in records] == list(range(LINES))
    assert [record["number"] for record in records if "status" in record] == [40]
    read = [record for record in records if "status" not in record]
    assert all(record["text"] == f"request {record['number']}" for record in read)
    for at, record in enumerate(read):
        recent = [each["level"] for each in read[max(0, at - 19) : at + 1]]
        assert record["window"] == {level: recent.count(level) for level in record["window"]}
        assert sum(record["window"].values()) == len(recent)


@pytest.mark.slow
def test_each_line_is_told_once_and_in_order(folder: Path) -> None:
    said = run(folder)
    assert f"source read: {LINES} captured, {LINES - 1} delivered, 1 failed (parse)" in said
    assert "  lines: INFO" in said
    check(folder)
    assert (folder / "out/quarantine/read-00000040.log").read_text() == "a line of another kind\n"


@pytest.mark.slow
def test_each_line_is_told_once_though_processes_are_killed(folder: Path) -> None:
    (folder / "app.log").write_text(
        (folder / "app.log").read_text().replace("a line of another kind", "12:00 INFO x")
    )
    faults = ("kill:read", "kill:parse.0", "kill:parse.1", "kill:window", "kill:report")
    said = run(folder, *(word for fault in faults for word in ("--drill", fault)), "--times", "6")
    assert "0 lost, 0 doubled" in said
