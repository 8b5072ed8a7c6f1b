"""The ledgers of a run, read from the frame store files, which outlive a source's process."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.ledger import NOTHING, Ledger, read_ledger
from framegraph.graph.model import Graph
from framegraph.wire.config import RunPaths


class Ledgers:
    """A reader of each source's sums at any moment."""

    def __init__(self, graph: Callable[[], Graph], paths: RunPaths) -> None:
        self._graph = graph
        self._paths = paths
        self._files: dict[str, FrameStoreFile] = {}
        self._stages: dict[str, tuple[str, ...]] = {}
        self._past: dict[str, Ledger] = {}

    def read(self, source: str) -> Ledger:
        """Return the ledger of a source; all zero before its first frame."""
        file = self._files.get(source)
        if file is None:
            link = Path(self._paths.pools) / source
            if not link.exists():
                return NOTHING
            file = self._files[source] = FrameStoreFile(link, writable=False)
            self._stages[source] = tuple(self._graph().reachable(source)[1:])
        return read_ledger(file, self._stages[source])

    def forget(self, source: str) -> Ledger:
        """Close the file of a source that has left the run; keep its sums, if any, and return them."""
        ledger = self.read(source)
        if ledger.captured:
            self._past[source] = self._past.get(source, NOTHING) + ledger
        file = self._files.pop(source, None)
        if file is not None:
            file.close()
        return ledger

    def all(self) -> dict[str, Ledger]:
        """Return the sums of every source that is or was in the run, by name."""
        sums = dict(self._past)
        for source in self._graph().of_kind("source"):
            now = self.read(source.name)
            sums[source.name] = sums[source.name] + now if source.name in sums else now
        return sums

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()


def write_ledger(path: Path, run: str, ledgers: dict[str, Ledger], more: dict[str, Any]) -> None:
    """Write out/ledger.json: per source the sums of guarantee 1, and `more` about the run."""
    described = {
        "version": 1,
        "run": run,
        "balanced": all(ledger.balanced for ledger in ledgers.values()),
        "sources": {name: ledger.to_plain() for name, ledger in ledgers.items()},
        **more,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(described, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
