"""Folders of short films, and what a batch leaves of them."""

import json
import os
import time
from pathlib import Path

import yaml

from framegraph.run_files.batch_folder import plain_name
from tests.launching import lines
from tests.stages.source_kit import film_of

BAD = {
    "cut off.mp4": "cannot be opened",
    "empty.mp4": "this film is empty",
    "words.mp4": "is a text file",
}
"""Films that cannot be played, by name, and what is said of them."""


def batch_graph(folder: Path, uri: str, **source: object) -> Path:
    """Write a graph that records the films at `uri`: nothing is detected in them."""
    described = {
        "camera": {"type": "source", "uri": uri, **source},
        "results": {"type": "json_sink", "location": "out/results.jsonl"},
    }
    path = folder / "graph.yaml"
    path.write_text(yaml.safe_dump({"stages": described, "links": ["camera ! results"]}))
    return path


def write_films(folder: Path, count: int, frames: int) -> list[str]:
    """Write films that play, copies of one, and return their names."""
    folder.mkdir(parents=True)
    whole = film_of(folder.parent / "whole.mp4", frames).read_bytes()
    names = [f"take {number}.mp4" for number in range(count)]
    for name in names:
        (folder / name).write_bytes(whole)
        make_old(folder / name)
    return names


def make_old(path: Path) -> None:
    """Make a file look as if it had been written long ago: one that is new may still be being copied."""
    long_ago_s = time.time() - 3600
    os.utime(path, (long_ago_s, long_ago_s))


def write_bad_films(folder: Path) -> None:
    whole = film_of(folder.parent / "whole.mp4", 10).read_bytes()
    (folder / "cut off.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "words.mp4").write_text("This is no film.\n" * 20)
    for name in BAD:
        make_old(folder / name)


def dated(folder: Path) -> Path:
    """The one folder that batches have made in out/."""
    (found,) = [path.parent for path in (folder / "out").glob("*/batch.json")]
    return found


def ended(folder: Path) -> dict[str, str]:
    """{name of a film: its outcome} of those that a batch knows."""
    found = {}
    for path in (folder / "out").glob("*/*/input.json"):
        record = json.loads(path.read_bytes())
        found[Path(record["uri"]).name] = record["outcome"]
    return found


def assert_whole(folder: Path, names: list[str], frames: int) -> None:
    """Each of these films is recorded once: every frame, in order, under the film's own name."""
    for name in names:
        plain = plain_name(f"films/{name}")
        records = lines(dated(folder) / plain / "results.jsonl")
        assert [record["seq"] for record in records] == list(range(frames)), name
        assert {record["source"] for record in records} == {plain}
        assert {record["status"] for record in records} == {"ok"}
