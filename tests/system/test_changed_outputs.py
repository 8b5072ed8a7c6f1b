"""Outputs that others move, remove, cut or replace while they are written: it is told, and the rest is kept."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.launching import Launched, film_times, lines, seqs, wait_for
from tests.system.graphs import cheap_graph

FRAMES = 150


def rename(path: Path) -> Path:
    moved = path.with_name(f"old-{path.name}")
    path.rename(moved)
    return moved


def replace_as_sed_does(path: Path) -> Path:
    """A new file with the same content takes its place."""
    kept = path.with_name(f"old-{path.name}")
    os.link(path, kept)
    new = path.with_name("new")
    new.write_bytes(path.read_bytes())
    new.rename(path)
    return kept


@pytest.mark.parametrize("harm", [rename, pytest.param(replace_as_sed_does, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_results_go_on_in_a_new_file(tmp_path: Path, harm: Callable[[Path], Path]) -> None:
    graph = cheap_graph(tmp_path, frames=FRAMES, work={"sleep_ms": 10})
    results = tmp_path / "out/results.jsonl"
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: len(lines(results)) > 20, "first results", run)
        before = harm(results)
        assert run.wait() == 3, run.stderr
        assert "results.jsonl was moved, removed or cut by somebody else" in run.stderr
        assert "frames are not in it" in run.stdout
    assert seqs(lines(before)) + seqs(lines(results)) == list(range(FRAMES))
    assert json.loads((tmp_path / "out/ledger.json").read_text())["balanced"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sink", "name", "properties"),
    [
        ("results", "results-{index}.jsonl", {"rotate": "2s"}),
        ("film", "film-{index}.mp4", {"segment": "2s"}),
    ],
)
def test_a_current_segment_that_is_moved_is_noticed(
    tmp_path: Path, sink: str, name: str, properties: dict[str, str]
) -> None:
    stages: dict[str, Any] = {sink: {"location": f"out/{name}", **properties}}
    graph = cheap_graph(tmp_path, frames=FRAMES, work={"sleep_ms": 10}, **stages)
    second = tmp_path / "out" / name.format(index="00001")
    with Launched(graph, folder=tmp_path) as run:
        wait_for(second.exists, "the second file", run)
        rename(second)
        assert run.wait() == 3, run.stderr
        assert f"a file of {name} was moved, removed or cut" in run.stderr
    files = sorted(second.parent.glob(name.format(index="*")))
    assert len(files) >= FRAMES * 0.04 / 2, files


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(Path.unlink, id="removed"),
        pytest.param(lambda path: os.truncate(path, 0), id="cut", marks=pytest.mark.slow),
    ],
)
def test_what_is_lost_is_said(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    graph = cheap_graph(tmp_path, frames=FRAMES, work={"sleep_ms": 10})
    results = tmp_path / "out/results.jsonl"
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: len(lines(results)) > 20, "first results", run)
        harm(results)
        assert run.wait() == 3, run.stderr
    left = seqs(lines(results))
    assert left == list(range(left[0], FRAMES))
    assert f"cut by somebody else: {left[0]} frames are not in it" in run.stdout


@pytest.mark.slow
def test_a_film_that_was_moved_goes_on_in_a_new_one(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=FRAMES, work={"sleep_ms": 10})
    film = tmp_path / "out/film.mp4"
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) > 60, "first results", run)
        rename(film)
        assert run.wait() == 3, run.stderr
    assert 0 < len(film_times(film)) < FRAMES


@pytest.mark.slow
def test_an_output_that_is_missing_at_the_end_is_no_success(tmp_path: Path) -> None:
    graph = cheap_graph(tmp_path, frames=30, diary={"finish_s": 2.0})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: len(lines(tmp_path / "out/results.jsonl")) == 30, "all results", run)
        (tmp_path / "out/results.jsonl").unlink()
        assert run.wait() == 3, run.stderr


@pytest.mark.parametrize("option", ["trace", "ledger"])
def test_an_output_is_not_written_over_by_a_trace_or_the_ledger(tmp_path: Path, option: str) -> None:
    graph = cheap_graph(tmp_path, frames=5)
    words = ["--trace", "out/film.mp4"] if option == "trace" else []
    if option == "ledger":
        graph.write_text(graph.read_text().replace("out/ledger.json", "./out/../out/results.jsonl"))
    with Launched(graph, *words, folder=tmp_path) as run:
        assert run.wait() == 2
        assert ("give each a file of its own" if words else "the ledger; move one") in run.stderr
