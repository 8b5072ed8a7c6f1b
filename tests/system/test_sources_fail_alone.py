"""A source that fails ends alone: the others play to their end, and the run says which one failed, and why."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.launching import Launched, film_times, lines, seqs, wait_for
from tests.system.graphs import is_joined

HERE = Path(__file__).parent
FRAMES = 60


def graph_of(folder: Path, **sources: dict[str, Any]) -> Path:
    """Write a graph of these sources into one `work`, with a film and a file of records for each source."""
    described: dict[str, dict[str, Any]] = {
        name: {"type": "failing_source.FailingSource", "frames": FRAMES}
        | {word.replace("_", "-"): value for word, value in properties.items()}
        for name, properties in sources.items()
    }
    described["work"] = {"type": "cheap_stages.Work", "sleep-ms": 2}
    described["film"] = {"type": "video_sink", "location": "out/{source}.mp4", "preset": "ultrafast"}
    described["results"] = {"type": "json_sink", "location": "out/{source}.jsonl"}
    links = [*(f"{name} ! work" for name in sources), "work ! film", "work ! results"]
    path = folder / "graph.yaml"
    path.write_text(yaml.safe_dump({"stages": described, "links": links, "ledger": "out/ledger.json"}))
    for name in ("cheap_stages.py", "failing_source.py"):
        (folder / name).write_text((HERE / name).read_text())
    return path


def assert_whole(folder: Path, source: str, count: int) -> None:
    """Each of `count` frames of a source must be in both of its outputs, once and in order, and nothing else."""
    records = lines(folder / f"out/{source}.jsonl")
    assert seqs(records) == [record["number"] for record in records] == list(range(count))
    assert {record["status"] for record in records} == {"ok"}
    film = folder / f"out/{source}.mp4"
    assert film_times(film) == pytest.approx([number * 0.04 for number in range(count)], abs=1e-3)
    assert is_joined(film)
    assert ledger(folder)["sources"][source] == {
        "captured": count,
        "delivered": count,
        "dropped": {},
        "failed": {},
        "in_flight": 0,
    }


def ledger(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out/ledger.json").read_text())
    assert found["balanced"] is True
    return found


def errors(run: Launched) -> list[str]:
    return [line for line in run.stderr.splitlines() if "ERROR" in line]


def test_a_source_that_raises_in_the_middle_leaves_the_other_to_its_end(tmp_path: Path) -> None:
    # It fails when the other has begun, and long before that one's end.
    begun = tmp_path / "out/good.jsonl"
    graph = graph_of(tmp_path, good={"frames": 200}, bad={"raise_on": 20, "raise_when": str(begun)})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 1, run.stderr
        (said,) = errors(run)
        assert "bad" in said
        assert "the shutter is stuck" in said
        assert "source bad: 20 captured, 20 delivered" in run.stdout
        assert "  failed: bad: ValueError: the shutter is stuck" in run.stdout
        assert not run.children()
    assert_whole(tmp_path, "good", 200)
    assert_whole(tmp_path, "bad", 20)


@pytest.mark.slow
def test_a_source_that_cannot_be_opened_leaves_the_other_to_its_end(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, good={}, bad={"open_fails": True})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 1, run.stderr
        (said,) = errors(run)
        assert "bad" in said
        assert "the shutter is stuck; oil it" in said
    assert_whole(tmp_path, "good", FRAMES)
    assert lines(tmp_path / "out/bad.jsonl") == []


@pytest.mark.slow
def test_two_sources_that_fail_leave_what_came_of_both_and_of_the_third(tmp_path: Path) -> None:
    graph = graph_of(
        tmp_path,
        good={},
        one={"raise_on": 10, "words": "the lens is wet"},
        other={"raise_on": 30, "words": "the film is torn"},
    )
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 1, run.stderr
        said = "\n".join(errors(run))
        assert "the lens is wet" in said
        assert "the film is torn" in said
    assert_whole(tmp_path, "good", FRAMES)
    assert_whole(tmp_path, "one", 10)
    assert_whole(tmp_path, "other", 30)


def test_the_last_source_that_fails_ends_the_run_with_complete_outputs(tmp_path: Path) -> None:
    end = tmp_path / "the other has ended"
    graph = graph_of(tmp_path, good={"frames": 10}, bad={"raise_on": 20, "raise_when": str(end)})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "out/good.jsonl")) == 10, "the end of the good one", run)
        wait_for(lambda: is_joined(tmp_path / "out/good.mp4"), "its film", run)
        end.touch()
        assert run.wait() == 1, run.stderr
        assert "the shutter is stuck" in "\n".join(errors(run))
    assert_whole(tmp_path, "good", 10)
    assert_whole(tmp_path, "bad", 20)
