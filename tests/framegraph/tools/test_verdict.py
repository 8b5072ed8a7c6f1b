"""What a drill says of the run whose processes it killed."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from framegraph.graph.model import Graph
from framegraph.tools.verdict import Verdict, judge, lost_and_doubled


@pytest.mark.parametrize(
    ("dropped", "count", "expected"),
    [
        ({}, 10, (0, 0)),
        ({}, 9, (1, 0)),
        ({}, 12, (0, 2)),
        ({"leaky": 2, "late": 1, "undecodable": 1}, 6, (0, 0)),
        ({"leaky": 2}, 10, (0, 2)),
        # A stop: what had been sent is there, what had not is missing.
        ({"flushed": 3}, 7, (0, 0)),
        ({"flushed": 3}, 10, (0, 0)),
        ({"flushed": 3}, 6, (1, 0)),
    ],
)
def test_frames_of_an_output_are_held_against_the_ledger(
    dropped: dict[str, int], count: int, expected: tuple[int, int]
) -> None:
    assert lost_and_doubled({"captured": 10, "dropped": dropped}, count) == expected


def test_a_verdict_tells_the_pauses_and_whether_anything_is_missing() -> None:
    verdict = Verdict(seed=1, faults=["kill:work.0", "kill:sink.0"], recoveries_s=[0.5, 1.5])
    assert verdict.passed
    assert verdict.describe() == ("2 faults, 0 lost, 0 doubled, recovery median 1.00 s, worst 1.50 s: passed")
    verdict.by_stage["work"] = [(1.5, 1.0)]
    assert "(beyond the start of the stage 0.50 s, worst 0.50 s)" in verdict.describe()
    verdict.lost = 1
    assert not verdict.passed
    assert "1 lost" in verdict.describe() and "FAILED" in verdict.describe()


@pytest.mark.parametrize(
    ("ledger", "problem"),
    [(None, "there is no ledger"), ('{"balanced": false, "sources": {}}', "the ledger is not balanced")],
)
def test_a_run_without_a_balanced_ledger_has_failed(tmp_path: Path, ledger: str | None, problem: str) -> None:
    path = tmp_path / "ledger.json"
    if ledger is not None:
        path.write_text(ledger)
    graph: Any = SimpleNamespace(ledger_path=path, locations=dict)
    verdict = Verdict(seed=1)
    judge(cast(Graph, graph), verdict)
    assert verdict.problems == [problem]
    assert not verdict.passed
