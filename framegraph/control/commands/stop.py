"""launcher.py stop: end the run as the first Ctrl-C does, and wait for its files."""

import argparse
from typing import Any

from framegraph.control.command import Answer, Procedure, RunningCommand, RunParts
from framegraph.errors import GraphError

END_LIMIT_S = 300.0
"""Time for the sinks to complete their files."""


class Stop(RunningCommand):
    line = "end a running graph, with its files complete"
    description = "End the running graph: sources send EOS, the sinks complete their files."

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.control.client import find_run, wait_for_end

        running = find_run(options.run)
        print(self.ask(running, {}).text)
        if not wait_for_end(running, END_LIMIT_S):
            raise GraphError(f"stop: run {running.run} is still finishing after {END_LIMIT_S:g} s; see list")
        return 0

    def carry_out(self, parts: RunParts, said: dict[str, Any]) -> Procedure:
        parts.state.report.log("control", "INFO", "stop: finishing what is under way")
        parts.drain()
        yield from ()  # a procedure of one round
        return Answer("finishing what is under way", {})
