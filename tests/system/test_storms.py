"""A storm: any process is killed each half second, whatever it does; innocent frames live through it."""

import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.launching import Launched, lines, wait_for
from tests.system.graphs import cheap_graph
from tests.system.test_machine import assert_complete

PAUSE_S = 0.5
SEED = 24


def storm(run: Launched, kills: int, chance: random.Random) -> int:
    """Kill until the run ends, at most so often; return how often."""
    dealt = 0
    while dealt < kills and run.process.poll() is None:
        # The pause is the test: it is what lies between two kills, whatever has come back meanwhile.
        time.sleep(PAUSE_S)
        alive = sorted(run.children(), key=lambda child: child.pid)
        if not alive:
            continue
        try:
            chance.choice(alive).send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
        dealt += 1
    return dealt


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "sleep_ms", "kills"), [(20_000, 1, 60), (16, 1200, 40)])
def test_frames_quick_and_slow_live_through_a_storm(
    tmp_path: Path, frames: int, sleep_ms: int, kills: int
) -> None:
    graph = cheap_graph(tmp_path, frames=frames, work={"sleep_ms": sleep_ms})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: lines(tmp_path / "out/results.jsonl"), "the first frame", run)
        assert storm(run, kills, random.Random(SEED)) >= kills / 2
        assert run.wait() == 0, run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, frames)} == {"ok"}
