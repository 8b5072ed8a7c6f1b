"""Libraries with thread pools of their own have the threads of their replica, whatever the machine has."""

from pathlib import Path

import pytest

from framegraph.supervisor.runner import POOLS
from tests.launching import PROJECT, Launched, lines, wait_for

MOST = 8
"""Of one process with `threads: 1`: Python's main thread, the heartbeat, two of ZeroMQ's, and what a library
starts and lets sleep; a pool for every core of a server would be far beyond."""


@pytest.mark.slow
def test_the_default_processes_keep_to_their_threads(tmp_path: Path) -> None:
    settings = {
        "camera.uri": PROJECT / "samples/plaza.mp4",
        "camera.loop": "true",
        "detect.threads": 2,
        "film.location": "out/film.mp4",
        "results.location": "out/results.jsonl",
    }
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    with Launched(PROJECT / "pipeline-classic.yaml", *words, "--quiet", folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) > 5, "results", run)
        for name in ("camera.0", "crop.0", "classify.0", "film.0"):
            child = run.child(name)
            assert {child.environ()[pool] for pool in POOLS} == {"1"}
            assert child.num_threads() <= MOST, name
        assert {run.child("detect.0").environ()[pool] for pool in POOLS} <= {"1", "2"}
