"""Runs a graph as its users do and reads what the run says about itself."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[1]
LIMIT_S = 600


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The content of out/ledger.json at the end of a run, and of other files in out/ (*.json)."""

    ledger: dict[str, Any]
    others: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def delivered(self) -> int:
        return sum(source["delivered"] for source in self.ledger["sources"].values())

    @property
    def people(self) -> int:
        return sum(one["summed"].get("people", 0) for one in self.ledger["timing"].values())

    @property
    def fps(self) -> float:
        """Frames a second between the first and the last received frame, over all sources."""
        timing = self.ledger["timing"].values()
        first = min(one["first_received_at"] for one in timing)
        last = max(one["last_received_at"] for one in timing)
        return float((sum(one["frames"] for one in timing) - 1) / (last - first))

    @property
    def first_commit_s(self) -> float:
        return float(max(one["first_commit_s"] for one in self.ledger["timing"].values()))

    def busy_ms(self, stage: str) -> float:
        """Milliseconds that a frame was worked on by a stage."""
        said = self.ledger["stages"][stage]
        return float(1e3 * said["busy_s"] / said["frames"])

    def cpu_us(self, stage: str) -> float:
        """CPU microseconds that the processes of a stage used for a frame, without loading."""
        said = self.ledger["stages"][stage]
        return float(1e6 * said["cpu_s"] / said["frames"])


def command_of(graph: dict[str, Any] | Path, place: Path, *overrides: str) -> list[str]:
    """The command line that runs a graph; one that is given as a dict is written into `place`."""
    words = [word for override in overrides for word in ("--set", override)]
    return [sys.executable, str(PROJECT / "launcher.py"), str(_written(graph, place)), "--quiet", *words]


def run(graph: dict[str, Any] | Path, *overrides: str, arguments: Sequence[str] = ()) -> Outcome:
    """Run a graph to its end, with more `arguments` of the launcher. RuntimeError tells how it failed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        place = Path(temporary)
        command = [*command_of(graph, place, *overrides), *arguments]
        done = subprocess.run(
            command,
            cwd=place,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        read = {path.stem: json.loads(path.read_text()) for path in (place / "out").glob("*.json")}
        return Outcome(read.pop("ledger"), read)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT)}


def _written(graph: dict[str, Any] | Path, place: Path) -> Path:
    if isinstance(graph, Path):
        return graph
    path = place / "graph.yaml"
    path.write_text(yaml.safe_dump({"ledger": "out/ledger.json", **graph}))
    return path
