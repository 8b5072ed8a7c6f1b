"""What a command of a running graph is: what it asks over the control socket, and what the run does then."""

import abc
import argparse
import dataclasses
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, ClassVar

from framegraph.errors import GraphError
from framegraph.support.commands import Command

if TYPE_CHECKING:
    from framegraph.control.client import RunningGraph
    from framegraph.control.sources import Attachments
    from framegraph.supervisor.processes import Processes
    from framegraph.supervisor.state import RunState
    from framegraph.view.snapshot import Observer


@dataclasses.dataclass(frozen=True)
class Answer:
    """The outcome of a command: a sentence to read, and the same as plain values."""

    text: str
    data: dict[str, Any] = dataclasses.field(default_factory=dict)


Procedure = Generator[None, None, Answer]
"""Carries a command out, a little at each round of the launcher's loop; raises GraphError when it cannot."""


@dataclasses.dataclass(frozen=True)
class RunParts:
    """What a procedure works on. `drain` ends the run as the first Ctrl-C does."""

    state: "RunState"
    processes: "Processes"
    attachments: "Attachments"
    observer: "Observer"
    drain: Callable[[], None]


class RunningCommand(Command):
    """A command with two sides: `run` asks, where somebody types it; `carry_out` obeys, in the launcher that
    runs the graph."""

    limit_s: ClassVar[float] = 30.0
    """So long `ask` waits for the answer."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--run", metavar="ID", help="which graph, when several run")

    def ask(self, running: "RunningGraph", said: dict[str, Any]) -> Answer:
        """Send `said` to a running graph and return the answer; GraphError when it refuses, or is silent."""
        from framegraph.control.client import ask

        answer = ask(running, self.name, said, self.limit_s)
        if not answer["ok"]:
            raise GraphError(answer["text"])
        return Answer(answer["text"], answer["data"])

    @abc.abstractmethod
    def carry_out(self, parts: RunParts, said: dict[str, Any]) -> Procedure:
        """Return what does it in the run; `said` is as it came over the socket, so its fields are checked."""
