"""Frames a second of the whole graph, with detect and classify on a device, by replicas of each."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.films import SAMPLE, repeated
from benchmarks.graphs import run
from benchmarks.settings import Result

REPLICAS = ((1, 1), (2, 1), (1, 2), (2, 2), (4, 2))
"""Of detect and of classify."""
SOURCES = 4
"""Batches go across cameras: one film alone waits for its own frames."""
ROUNDS = 3


def measure(device: str, *, is_quick: bool) -> list[Result]:
    """Return frames a second for each number of replicas."""
    with tempfile.TemporaryDirectory(prefix="gpu-") as temporary:
        film, frames = repeated(SAMPLE, ROUNDS, Path(temporary) / "film.mp4", frames=24 if is_quick else None)
        rows = []
        for detects, classifies in REPLICAS[:1] if is_quick else REPLICAS:
            outcome = run(_graph(device, film, detects, classifies, sources=2 if is_quick else SOURCES))
            rows.append(
                {"detect": detects, "classify": classifies, "frames": frames, "frames_a_second": outcome.fps}
            )
    return rows


def _graph(device: str, film: Path, detects: int, classifies: int, *, sources: int) -> Result:
    """pipeline.yaml without the annotated film, which would be the limit, and with several cameras."""
    names = [f"camera{number}" for number in range(sources)]
    batched = {"batch": 16, "batch-wait": "5ms"}
    return {
        "pipeline": "gpu",
        "stages": {
            **{name: {"type": "source", "uri": str(film)} for name in names},
            "detect": {"type": "detect", "device": device, "replicas": detects, **batched},
            "track": {"type": "track"},
            "crop": {"type": "crop"},
            "classify": {"type": "classify", "device": device, "replicas": classifies, **batched},
            "settle": {"type": "settle"},
            "results": {"type": "json_sink", "location": "out/{source}.jsonl"},
        },
        "links": [
            *(f"{name} ! detect" for name in names),
            "detect ! track ! crop ! classify ! settle ! results",
        ],
    }


def describe(rows: Sequence[Result]) -> str:
    lines = ["| replicas of detect | of classify | frames a second |", "| ---: | ---: | ---: |"]
    lines += [f"| {row['detect']} | {row['classify']} | {row['frames_a_second']:.1f} |" for row in rows]
    return "\n".join(lines)
