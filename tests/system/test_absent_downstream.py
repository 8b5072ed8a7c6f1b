"""A live source whose downstream is slow to come, dead or standing still: it lives on, leaks and counts."""

import json
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.controlling import Remote, ticking_graph
from tests.launching import Launched, wait_for


@pytest.mark.slow
def test_a_camera_outlives_its_downstream(tmp_path: Path) -> None:
    graph = ticking_graph(
        tmp_path,
        a={"live": True, "fps": 50.0},
        work={"open_sleep_s": 1.5, "heartbeat": 60},
    )
    with Launched(graph, folder=tmp_path) as run:
        camera = run.child("a.0").pid
        remote = Remote(run)

        def leaky() -> int:
            return int(remote.source("a")["ledger"]["dropped"].get("leaky", 0))

        def have_leaked(count: int) -> bool:
            return leaky() > count

        wait_for(leaky, "frames that leak while the worker loads", run)
        remote.wait_delivered("a", 5)
        for number in (signal.SIGKILL, signal.SIGSTOP):
            before = leaky()
            worker = run.child("work.0")
            worker.send_signal(number)
            wait_for(partial(have_leaked, before + 25), "frames that leak without a worker", run)
            if number == signal.SIGSTOP:
                worker.send_signal(signal.SIGCONT)
            remote.wait_delivered("a", 5)
        assert run.child("a.0").pid == camera, "it was never started again"
        run.signal(signal.SIGINT)
        assert run.wait() == 130, run.stderr
    ledger = json.loads((tmp_path / "out/ledger.json").read_text())
    assert ledger["balanced"]
    assert ledger["sources"]["a"]["failed"] == {}
