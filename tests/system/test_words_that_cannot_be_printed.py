"""A terminal that is gone, a pipe that nobody reads and a disk that is full take words away, never records."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.launching import PROJECT, Launched, film_times, lines, seqs, wait_for
from tests.stages.source_kit import write_film
from tests.system.graphs import CHEAP

FRAMES = 20
CANNOT = "launcher: standard output cannot be written: No space left on device\n"


def counting_graph(folder: Path) -> Path:
    (folder / "cheap_stages.py").write_text((CHEAP / "cheap_stages.py").read_text())
    path = folder / "graph.yaml"
    path.write_text(
        "stages:\n"
        f"  counter: {{type: cheap_stages.Counter, frames: {FRAMES}}}\n"
        "  results: {type: json_sink, location: out/results.jsonl}\n"
        "links: [counter ! results]\n"
    )
    return path


SUMMARY = f"source counter: {FRAMES} captured, {FRAMES} delivered"


@pytest.mark.parametrize(
    ("how", "status", "out", "err"),
    [
        pytest.param('exec "$@" >&-', 0, "", "", id="output closed"),
        pytest.param('exec "$@" 2>&-', 0, SUMMARY, "", id="errors closed"),
        pytest.param('exec "$@" >&- 2>&- <&-', 0, "", "", id="all closed"),
        pytest.param('exec "$@" >/dev/full', 0, "", CANNOT, id="output full"),
        pytest.param('exec "$@" 2>/dev/full', 0, SUMMARY, "", id="errors full"),
        pytest.param('"$@" | true; exit "${PIPESTATUS[0]}"', 141, "", "", id="a pipe that nobody reads"),
    ],
)
def test_a_run_is_complete_whatever_becomes_of_its_words(
    tmp_path: Path, how: str, status: int, out: str, err: str
) -> None:
    """`out`: how what can be read of its output begins; `err`: all that can be read of its errors."""
    through = ("bash", "-c", how, "bash")
    with Launched(counting_graph(tmp_path), "--quiet", folder=tmp_path, through=through) as run:
        assert run.wait() == status, run.stderr
        assert "Traceback" not in run.stdout + run.stderr
        assert run.stderr == err
        assert run.stdout.startswith(out)
        assert bool(run.stdout) == bool(out)
    assert seqs(lines(tmp_path / "out/results.jsonl")) == list(range(FRAMES))
    assert (tmp_path / "out/ledger.json").stat().st_size > 0


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["inspect"], id="inspect"),
        pytest.param(["pipeline.yaml", "--draw", "svg"], id="draw"),
        pytest.param(["pipeline.yaml", "--check"], id="check"),
        pytest.param(["--help"], id="help"),
        pytest.param(["--version"], id="version"),
        pytest.param(["plan", "--help"], id="help of a command"),
    ],
)
def test_a_command_whose_answer_is_lost_has_failed(words: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = command(words, full)
    assert (done.returncode, done.stderr) == (1, CANNOT)


def test_a_command_whose_reader_has_enough_ends_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = command(["inspect"], writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_sign_that_the_terminal_lacks_is_escaped(tmp_path: Path) -> None:
    graph = counting_graph(tmp_path).rename(tmp_path / "größe…yaml.yaml")
    done = command([str(graph), "--check"], subprocess.PIPE, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "gr\\xf6\\xdfe\\u2026yaml: 2 stages, 1 links: nothing wrong was found\n"
    done = command(["none…"], subprocess.PIPE, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "launcher: none\\u2026: no such file; name the graph, for example pipeline.yaml\n"


def command(words: list[str], output: Any, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "launcher.py", *words],
        cwd=PROJECT,
        stdout=output,
        stderr=subprocess.PIPE,
        env={**os.environ, **env},
        text=True,
        check=False,
        timeout=60,
    )


def test_a_wrong_graph_is_refused_with_its_status_though_nobody_can_read_why(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", 'exec "$@" 2>&- >&-', "bash", sys.executable, "launcher.py", "none.yaml"],
        cwd=PROJECT,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2


# A disk that is full


class SmallDisk:
    """A little file system that only those see who are started through it; it goes with its last process."""

    def __init__(self, folder: Path, size: str) -> None:
        self.folder = folder
        self.small = folder / "small"
        self.small.mkdir()
        alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        command = f"mount -t tmpfs -o size={size} tmpfs small && echo mounted && exec cat"
        self._holder = subprocess.Popen(
            [*alone, "sh", "-c", command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "mounted\n":
            _out, why = self._holder.communicate()
            if os.geteuid() == 0 and os.environ.get("CI") == "true":
                pytest.fail(f"no file system can be mounted: {why}", pytrace=False)
            pytest.skip(f"no file system may be mounted here: {why.strip()}")

    @property
    def through(self) -> tuple[str, ...]:
        """A command that becomes another one, for which the disk is there."""
        name = f"--mount=/proc/{self._holder.pid}/ns/mnt"
        users = (
            []
            if os.geteuid() == 0
            else [f"--user=/proc/{self._holder.pid}/ns/user", "--preserve-credentials"]
        )
        return ("nsenter", *users, name, "sh", "-c", 'cd "$0" && exec "$@"', str(self.folder))

    def grow(self, size: str) -> None:
        command = [*self.through, "mount", "-o", f"remount,size={size}", str(self.small)]
        subprocess.run(command, check=True, timeout=30)

    def seen(self, name: str) -> Path:
        """A file on the disk, as those see it for whom it is not there."""
        return Path(f"/proc/{self._holder.pid}/root") / self.small.relative_to("/") / name

    def close(self) -> None:
        self._holder.communicate()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    made = SmallDisk(tmp_path, "300k")
    yield made
    made.close()


def noisy_film(path: Path, count: int) -> Path:
    """A film that no coder makes small."""
    noise = np.random.default_rng(1).integers(0, 255, (count, 120, 160, 3), np.uint8)
    return write_film(path, list(noise))


def recording(folder: Path, **source: object) -> Path:
    described = {
        "stages": {
            "camera": {"type": "source", "uri": str(folder / "noise.mp4"), **source},
            "film": {"type": "video_sink", "location": "small/film.mp4", "preset": "ultrafast"},
        },
        "links": ["camera ! film"],
        "ledger": "small/ledger.json",
    }
    path = folder / "graph.yaml"
    path.write_text(yaml.safe_dump(described))
    return path


@pytest.mark.slow
def test_a_run_on_a_full_disk_can_be_stopped_and_says_what_is_missing(
    tmp_path: Path, disk: SmallDisk
) -> None:
    noisy_film(tmp_path / "noise.mp4", 20)
    with Launched(recording(tmp_path, loop=True), folder=tmp_path, through=disk.through) as run:
        wait_for(lambda: "waiting for room" in run.stderr, "word of the full disk", run)
        run.signal(signal.SIGINT)
        assert run.wait(10.0) == 1, run.stderr
        assert "Traceback" not in run.stdout + run.stderr
        assert "no room on the disk to complete the files; --resume goes on" in run.stderr
        assert re.search(r"^source camera: \d+ captured, \d+ delivered", run.stdout, re.MULTILINE)
        assert "the ledger small/ledger.json cannot be written: No space left on device" in run.stdout
        assert "wrote small/ledger.json" not in run.stdout
        assert not run.children()


@pytest.mark.slow
def test_a_run_that_a_full_disk_ended_is_resumed_once_there_is_room(tmp_path: Path, disk: SmallDisk) -> None:
    frames = 60
    noisy_film(tmp_path / "noise.mp4", frames)
    graph = recording(tmp_path)
    with Launched(graph, folder=tmp_path, through=disk.through) as run:
        wait_for(lambda: "waiting for room" in run.stderr, "word of the full disk", run)
        run.signal(signal.SIGINT)
        assert run.wait(10.0) == 1, run.stderr
    disk.grow("20m")
    with Launched(graph, "--resume", folder=tmp_path, through=disk.through) as run:
        assert run.wait() == 0, run.stderr
        assert f"{frames} captured, {frames} delivered" in run.stdout
    times = film_times(disk.seen("film.mp4"))
    assert times == pytest.approx([number / 10 for number in range(frames)], abs=1e-3)
