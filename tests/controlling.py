"""Commands to a run that a test has launched, over its control socket."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from framegraph.control.client import RunningGraph, ask
from tests.launching import Launched, wait_for

CHEAP = Path(__file__).parent / "system" / "cheap_stages.py"
ANSWER_S = 120.0


class Remote:
    """Speaks to the run of one launcher, as `launcher.py attach …` does."""

    def __init__(self, launched: Launched) -> None:
        self._launched = launched
        base = launched.temporary / f"framegraph-{os.getuid()}"
        about = wait_for(lambda: next(base.glob("*/about.json"), None), "run that can be asked", launched)
        self.folder: Path = about.parent
        self._running = RunningGraph(self.folder, launched.process.pid, "", "", 0.0)

    def answer(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return ask(self._running, verb, arguments, ANSWER_S)

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Return the data of an answer that has to be good."""
        answer = self.answer(verb, **arguments)
        assert answer["ok"], answer["text"] + self._launched.stderr
        data: dict[str, Any] = answer["data"]
        return data

    def refused(self, verb: str, **arguments: Any) -> str:
        """Return the sentence of an answer that has to be a refusal."""
        answer = self.answer(verb, **arguments)
        assert not answer["ok"], answer
        text: str = answer["text"]
        return text

    def attach(self, name: str, *, to: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
        plain = {word.replace("_", "-"): value for word, value in properties.items()}
        return self.ask("attach", name=name, properties=plain, to=list(to))

    def detach(self, name: str) -> dict[str, Any]:
        return self.ask("detach", name=name)

    def scale(self, stage: str, replicas: int) -> None:
        self.ask("scale", stage=stage, replicas=replicas)

    def source(self, name: str) -> dict[str, Any]:
        return next(row for row in self.ask("list")["sources"] if row["name"] == name)

    def delivered(self, name: str) -> int:
        return int(self.source(name)["ledger"]["delivered"])

    def wait_delivered(self, name: str, more: int) -> None:
        """Wait until so many more frames of a source have been delivered."""
        before = self.delivered(name)
        wait_for(
            lambda: self.delivered(name) >= before + more, f"{more} more frames of {name}", self._launched
        )


def launcher(run: Launched, verb: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Type a command. Other graphs may run on this machine, so the run is named."""
    folders = run.temporary.glob(f"framegraph-{os.getuid()}/*")
    named = ["--run", next((folder.name for folder in folders if folder.is_dir()), "ended")]
    return subprocess.run(
        [sys.executable, str(run.project / "launcher.py"), verb, *named, *words],
        cwd=run.temporary.parent,
        env={**os.environ, "TMPDIR": str(run.temporary), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def ticking_graph(folder: Path, *, ordered: bool = False, **stages: dict[str, Any]) -> Path:
    """Write a graph of tickers `a` (as fast as it is taken, for ever) and others given, work (and tally),
    results."""
    described: dict[str, dict[str, Any]] = {
        "a": {"type": "cheap_stages.Ticker", "live": False, "fps": 0},
        "work": {"type": "cheap_stages.Work", "sleep-ms": 2},
        "results": {"type": "json_sink", "location": "out/{source}.jsonl"},
    }
    last = "work"
    if ordered:
        described["tally"], last = {"type": "cheap_stages.Tally"}, "tally"
    for name, properties in stages.items():
        plain = {word.replace("_", "-"): value for word, value in properties.items()}
        described[name] = {**described.get(name, {"type": "cheap_stages.Ticker"}), **plain}
    sources = [name for name, one in described.items() if one["type"] == "cheap_stages.Ticker"]
    links = [f"{name} ! work" for name in sources]
    links.append("work ! tally ! results" if ordered else f"{last} ! results")
    path = folder / "graph.yaml"
    path.write_text(yaml.safe_dump({"stages": described, "links": links, "ledger": "out/ledger.json"}))
    (folder / "cheap_stages.py").write_text(CHEAP.read_text())
    return path
