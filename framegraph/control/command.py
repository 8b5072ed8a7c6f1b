"""Commands of a running graph: the request over the control socket, and how the run carries it out."""

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
"""A generator that carries out a command, one step per round of the launcher's loop; raises GraphError when
it cannot."""


@dataclasses.dataclass(frozen=True)
class RunParts:
    """The objects that a procedure works on. `drain` ends the run as the first Ctrl-C does."""

    state: "RunState"
    processes: "Processes"
    attachments: "Attachments"
    observer: "Observer"
    drain: Callable[[], None]


class RunningCommand(Command):
    """A command with two sides: `run` sends the request, where it is typed; `carry_out` acts on it, in the
    launcher that runs the graph."""

    limit_s: ClassVar[float] = 30.0
    """How long `ask` waits for the answer."""

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
        """Return the procedure for the run; `said` comes from the socket, so its fields are checked."""
