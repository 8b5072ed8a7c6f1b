"""The ledgers of a run, read from the custody files: they hold also when a source has died."""

import json
from pathlib import Path
from typing import Any

from runtime.custody.layout import CustodyFile
from runtime.custody.ledger import Ledger, read_ledger
from runtime.graph.model import Graph
from runtime.hosts.config import RunPaths


class Ledgers:
    """Reads one source's sums at any moment."""

    def __init__(self, graph: Graph, paths: RunPaths) -> None:
        self._graph = graph
        self._paths = paths
        self._files: dict[str, CustodyFile] = {}

    def read(self, source: str) -> Ledger:
        """Return the ledger of a source; all zero before its first frame."""
        file = self._files.get(source)
        if file is None:
            link = Path(self._paths.pools) / source
            if not link.exists():
                return Ledger(captured=0, delivered=0, dropped={}, failed={}, in_flight=0)
            file = self._files[source] = CustodyFile(link, writable=False)
        return read_ledger(file, tuple(self._graph.reachable(source)[1:]))

    def all(self) -> dict[str, Ledger]:
        return {source.name: self.read(source.name) for source in self._graph.of_kind("source")}

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
        "sources": {
            name: {
                "captured": ledger.captured,
                "delivered": ledger.delivered,
                "dropped": ledger.dropped,
                "failed": ledger.failed,
                "in_flight": ledger.in_flight,
            }
            for name, ledger in ledgers.items()
        },
        **more,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(described, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
