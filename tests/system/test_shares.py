"""Many sources at one worker: fair shares, priority, and who gets no turn is shown."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.controlling import Remote, launcher, ticking_graph
from tests.drills.control import end, many_sources
from tests.launching import Launched, wait_for


def starved_s(remote: Remote, name: str) -> float | None:
    waited: float | None = remote.source(name)["starved_s"]
    return waited


def has_delivered(remote: Remote, name: str, count: int) -> bool:
    return remote.delivered(name) >= count


@pytest.mark.slow
def test_eight_live_sources_share_a_worker(tmp_path: Path) -> None:
    _table, rates = many_sources(tmp_path, 15)
    share = sum(rates) / len(rates)
    assert all(0.8 * share <= rate <= 1.2 * share for rate in rates), rates


@pytest.mark.slow
def test_a_source_that_gets_no_turn_is_shown_as_starved_until_it_does(tmp_path: Path) -> None:
    sources: dict[str, Any] = {"b": {"fps": 5, "live": True, "max_fps": 2}}
    graph = ticking_graph(tmp_path, a={"fps": 5, "live": True}, work={"sleep_ms": 7000}, **sources)
    with Launched(graph, folder=tmp_path) as run:
        remote = Remote(run)
        wait_for(lambda: ", starved for " in run.stderr, "starved source in the log", run)
        for name in ("a", "b"):
            wait_for(partial(starved_s, remote, name), f"word that {name} is starved", run)
        assert "starved" in launcher(run, "list").stdout
        before = remote.delivered("a")
        wait_for(lambda: remote.delivered("a") > before, "delivered frame of a", run)
        wait_for(lambda: remote.source("a")["starved_s"] is None, "word that a is not", run)
        remote.ask("stop")


@pytest.mark.slow
def test_a_fast_source_does_not_starve_a_slow_one_and_priority_counts(tmp_path: Path) -> None:
    busy = {"sleep_ms": 40}
    sources: dict[str, Any] = {"slow": {"fps": 5}, "more": {"fps": 60, "priority": 3, "live": True}}
    graph = ticking_graph(tmp_path, a={"fps": 60, "live": True}, work=busy, **sources)
    with Launched(graph, folder=tmp_path) as run:
        remote = Remote(run)
        for name in ("a", "slow", "more"):
            wait_for(partial(has_delivered, remote, name, 4), f"frames of {name}", run)
        before = {name: remote.delivered(name) for name in ("a", "slow", "more")}
        remote.wait_delivered("slow", 40)
        done = {name: remote.delivered(name) - before[name] for name in before}
        row = remote.source("slow")
        assert row["captured_fps"] and not row["ledger"]["dropped"], row
        assert done["more"] > 1.5 * done["a"], done
        end(run, remote, tmp_path)
