"""A graph with blur: refused where a film could show people, and blurred in every frame whatever dies."""

import random
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from tests.launching import PROJECT, Launched, lines, seqs, wait_for

FRAMES, KILLS = 240, 20
STAGES = """
import os
import signal
import time

import numpy as np

from framegraph.errors import StageError
from framegraph.packet import Packet
from framegraph.stage import Frame, Source, Stage

PATTERN = np.kron(np.indices((64, 80)).sum(0) % 2 * 255, np.ones((4, 4))).astype(np.uint8)
IMAGE_BGR = np.repeat(PATTERN[:, :, None], 3, axis=2)


class Pattern(Source):
    def frames(self, resume):
        for number in range(resume.captured if resume else 0, FRAMES):
            time.sleep(0.02)
            yield Frame(payload=IMAGE_BGR, pts_ns=number * 40_000_000, running_ns=number * 40_000_000,
                        duration_ns=40_000_000)


class Somebody(Stage):
    gives = ("people",)

    def process(self, packet):
        if packet.seq % 40 == 20:
            raise ValueError("this frame fails")
        if packet.seq == 65:
            os.kill(os.getpid(), signal.SIGKILL)
        packet.meta["people"] = [{"box": [100.0, 90.0, 220.0, 230.0], "score": 0.9}]
        return packet
""".replace("FRAMES", str(FRAMES))
GRAPH = """\
stages:
  camera: {type: pattern_stages.Pattern}
  somebody: {type: pattern_stages.Somebody, replicas: 2}
  blur: {type: blur, what: people, margin: 0, replicas: 2}
  film: {type: video_sink, location: out/film.mp4, crf: 10, preset: ultrafast, require: blurred}
  results: {type: json_sink, location: out/results.jsonl}
links:
  - camera ! somebody ! blur ! film
  - blur ! results
ledger: out/ledger.json
"""


def _has_lines(path: Path, number: int) -> bool:
    return len(lines(path)) >= number


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    (tmp_path / "pattern_stages.py").write_text(STAGES)
    path = tmp_path / "graph.yaml"
    path.write_text(GRAPH)
    return path


def detail(picture: np.ndarray) -> float:
    """How much neighbouring pixels differ: of the pattern about 60, of what is blurred 1 to 5."""
    return float(np.abs(np.diff(picture.astype(int), axis=1)).mean())


def test_a_film_that_requires_it_is_refused_without_a_blur_before_it(graph: Path) -> None:
    graph.write_text(GRAPH.replace("somebody ! blur ! film", "somebody ! film"))
    graph.write_text(graph.read_text().replace("  - blur !", "  - somebody ! blur !"))
    with Launched(graph, "--check", folder=graph.parent) as run:
        assert run.wait() == 2
        assert (
            "graph.yaml:5:3: stage 'film' (video_sink) requires payloads marked 'blurred', and no stage between "
            "source 'camera' and it gives this mark; put 'blur' between them" in run.stderr
        )


def test_the_example_is_a_right_graph(tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(PROJECT / "samples")
    with Launched(PROJECT / "examples/private.yaml", "--check", folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr


@pytest.mark.slow
def test_every_frame_of_the_film_is_blurred_whatever_is_killed(graph: Path) -> None:
    folder, chance = graph.parent, random.Random(3)
    results = folder / "out/results.jsonl"
    with Launched(graph, "--quiet", folder=folder) as run:
        for number in range(KILLS):
            # Spread over the run: it ends only after the last one.
            at = (number + 1) * (FRAMES - 40) // KILLS
            wait_for(partial(_has_lines, results, at), f"frame {at}", run)
            chance.choice(run.children()).kill()
        status = run.wait()
    assert status == 3, run.stderr
    assert "of its frames came without a mark that it requires: concealed" in run.stdout
    records = lines(results)
    assert seqs(records) == list(range(FRAMES))
    failed = [record["seq"] for record in records if record["status"] != "ok"]
    assert {20, 60, 65, 100, 140, 180, 220} <= set(failed)
    with av.open(str(folder / "out/film.mp4")) as film:
        pictures = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert len(pictures) == FRAMES
    for seq, picture in enumerate(pictures):
        assert detail(picture[130:220, 110:210]) < 8, f"frame {seq} shows somebody"
        # And only what must be hidden is.
        beside = detail(picture[130:220, 240:300])
        assert beside < 8 if seq in failed else beside > 20, seq
    assert not list((folder / "out/quarantine").glob("*.png"))
    assert {path.suffix for path in (folder / "out/quarantine").iterdir()} == {".json"}
