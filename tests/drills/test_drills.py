"""A short version of each drill of the default graph, by the user's own command."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from framegraph.errors import GraphError
from framegraph.graph.reader import read_graph
from framegraph.tools.drill import Fault, read_fault
from framegraph.tools.verdict import lost_and_doubled
from tests.drills.attack.__main__ import main as attack
from tests.drills.run import SCENARIOS, Scenario, run_scenario
from tests.launching import PROJECT

SEED = 7


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_no_frame_is_lost_or_doubled(scenario) -> None:
    verdict = run_scenario(dataclasses.replace(scenario, times=4), SEED)
    assert verdict.passed, verdict.describe()
    assert verdict.faults
    # Counted are frames that were committed after the successor was ready.
    assert all(
        0 < start_s < recovery_s for times in verdict.by_stage.values() for recovery_s, start_s in times
    )


@pytest.mark.slow
def test_the_users_drill_command_gives_a_verdict(tmp_path: Path) -> None:
    graph = f"""\
stages:
  camera:  {{type: source, uri: {PROJECT / "samples/plaza.mp4"}, duration: 10s}}
  detect:  {{type: detect}}
  results: {{type: json_sink, location: {tmp_path / "results.jsonl"}}}
links:
  - camera ! detect ! results
"""
    (tmp_path / "graph.yaml").write_text(graph)
    command = [sys.executable, str(PROJECT / "launcher.py"), "drill", str(tmp_path / "graph.yaml")]
    done = subprocess.run(
        [*command, "kill:detect", "kill:results", "--times", "3", "--seed", "11"],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("seed 11\n")
    assert "0 lost, 0 doubled" in done.stdout
    assert done.stdout.rstrip().endswith("passed")


@pytest.mark.parametrize(
    ("dropped", "count", "expected"),
    [
        pytest.param({}, 10, (0, 0), id="all there"),
        pytest.param({}, 9, (1, 0), id="lost"),
        pytest.param({}, 12, (0, 2), id="doubled"),
        pytest.param({"leaky": 1, "late": 2, "undecodable": 3}, 4, (0, 0), id="never sent"),
        pytest.param({"leaky": 1, "late": 2, "undecodable": 3}, 3, (1, 0), id="lost among them"),
        pytest.param({"flushed": 3}, 7, (0, 0), id="flushed before they were sent"),
        pytest.param({"flushed": 3}, 10, (0, 0), id="flushed after they were sent"),
        pytest.param({"flushed": 3}, 6, (1, 0), id="lost beyond the flushed"),
        pytest.param({"flushed": 3}, 11, (0, 1), id="doubled beyond the flushed"),
    ],
)
def test_an_output_is_held_against_the_ledger(
    dropped: dict[str, int], count: int, expected: tuple[int, int]
) -> None:
    assert lost_and_doubled({"captured": 10, "dropped": dropped}, count) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kill:detect.0", Fault("kill", ("detect.0",))),
        ("stop:film", Fault("stop", ("film.0",))),
        ("kill:crop+film", Fault("kill", ("crop.0", "film.0"))),
        ("again:camera", Fault("again", ("camera.0",))),
        ("kill:any", Fault("kill", ("any",))),
    ],
)
def test_a_fault_is_read(text: str, expected: Fault) -> None:
    assert read_fault(text, read_graph(PROJECT / "pipeline.yaml")) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("detect", "fault 'detect': expected kill:, again: or stop:, then STAGE[.REPLICA] or any"),
        ("shoot:detect", "expected kill:, again: or stop:"),
        ("kill:detekt", "fault 'kill:detekt': there is no stage 'detekt'; did you mean 'detect'?"),
        ("kill:detect.1", "fault 'kill:detect.1': stage 'detect' has 1 replicas, from 0"),
        ("kill:detect.x", "has 1 replicas, from 0"),
    ],
)
def test_a_wrong_fault_is_refused(text: str, said: str) -> None:
    with pytest.raises(GraphError) as refused:
        read_fault(text, read_graph(PROJECT / "pipeline.yaml"))
    assert said in str(refused.value)


@pytest.mark.slow
def test_nothing_that_is_read_breaks_on_damage() -> None:
    assert attack(["--only-fuzz", "--cases", "30000"]) == 0


@pytest.mark.slow
def test_a_storm_of_kills_ends_no_run_whose_frames_are_innocent() -> None:
    """One of any process each half second or so: each is killed again and again while it loads."""
    storm = Scenario("storm", ("kill:any",), 30, max_pause_s=1.0)
    verdict = run_scenario(storm, SEED)
    assert verdict.passed, verdict.describe()
    assert len(verdict.faults) == 30
