"""launcher.py list: what runs, how fast, and how old each figure is."""

import argparse
import dataclasses
import json
import time
from typing import Any

from framegraph.control.command import Answer, Procedure, RunningCommand, RunParts


class List(RunningCommand):
    line = "what runs, how fast, and how old each figure is"
    description = "Show the processes and sources of the running graph."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--json", action="store_true", help="the same as JSON")

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.control.client import find_run
        from framegraph.view.listing import listing

        data = self.ask(find_run(options.run), {}).data
        print(json.dumps(data, indent=2) if options.json else listing(data))
        return 0

    def carry_out(self, parts: RunParts, said: dict[str, Any]) -> Procedure:
        state = parts.state
        look = parts.observer.look(state)
        sources = [
            {**dataclasses.asdict(row), "ledger": row.ledger.to_plain(), "state": row.state_words}
            for row in look.sources
        ]
        data = {
            "run": state.paths.run,
            "graph": state.graph.name,
            "phase": state.phase,
            "seconds": time.time() - state.started_at,
            "replicas": [dataclasses.asdict(row) for row in look.replicas],
            "sources": sources,
            "links": [list(link) for link in state.graph.links],
        }
        yield from ()  # a procedure of one round
        return Answer("", data)
