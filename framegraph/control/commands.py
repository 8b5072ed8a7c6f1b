"""What can be asked of a running graph: each verb's arguments, checked, and its procedure."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from framegraph.control.replicas import Scaling
from framegraph.control.server import Answer, Procedure
from framegraph.control.sources import Attachments
from framegraph.errors import GraphError
from framegraph.graph.change import with_property
from framegraph.properties import nearest
from framegraph.supervisor.processes import Processes
from framegraph.supervisor.state import RUNNING, STOPPING, RunState
from framegraph.view.snapshot import Observer
from framegraph.wire import codec


class Commands:
    """Makes the procedures of the verbs. `drain` ends the run as the first Ctrl-C does."""

    def __init__(
        self,
        state: RunState,
        processes: Processes,
        attachments: Attachments,
        observer: Observer,
        drain: Callable[[], None],
    ) -> None:
        self._state = state
        self._processes = processes
        self._attachments = attachments
        self._scaling = Scaling(state, processes)
        self._observer = observer
        self._drain = drain
        self._verbs: dict[str, Callable[[dict[str, Any]], Procedure]] = {
            "attach": self._attach,
            "detach": self._detach,
            "list": self._list,
            "scale": self._scale,
            "set": self._set,
            "stop": self._stop,
        }

    def begin(self, verb: str, arguments: dict[str, Any]) -> Procedure:
        """Return the procedure of a verb; its errors come when it is carried on."""
        make = self._verbs.get(verb)
        return make(arguments) if make is not None else self._unknown(verb)

    def _unknown(self, verb: str) -> Procedure:
        yield from ()  # a procedure of one round
        raise GraphError(f"there is no command '{verb}'{nearest(verb, self._verbs)}")

    def _attach(self, said: dict[str, Any]) -> Procedure:
        to = codec.field(said, "to", list)
        if any(type(word) is not str for word in to):
            raise GraphError("attach: 'to' must be a list of stages")
        name, values = codec.field(said, "name", str), codec.field(said, "properties", dict)
        return (yield from self._attachments.attach(name, values, to))

    def _detach(self, said: dict[str, Any]) -> Procedure:
        return (yield from self._attachments.detach(codec.field(said, "name", str)))

    def _scale(self, said: dict[str, Any]) -> Procedure:
        stage, replicas = codec.field(said, "stage", str), codec.field(said, "replicas", int)
        return (yield from self._scaling.scale(stage, replicas))

    def _set(self, said: dict[str, Any]) -> Procedure:
        stage, word = codec.field(said, "stage", str), codec.field(said, "property", str)
        if self._state.phase != RUNNING:
            raise GraphError(f"set {stage}.{word}: the run is ending")
        self._state.change(with_property(self._state.graph, stage, word, said.get("value")))
        self._processes.relink()
        while not self._state.is_linked and self._state.phase != STOPPING:
            yield
        return Answer(f"{stage}.{word} is now {said.get('value')}", {"stage": stage, "property": word})

    def _stop(self, _said: dict[str, Any]) -> Procedure:
        self._state.report.log("control", "INFO", "stop: finishing what is under way")
        self._drain()
        yield from ()  # a procedure of one round
        return Answer("finishing what is under way", {})

    def _list(self, _said: dict[str, Any]) -> Procedure:
        look, state = self._observer.look(self._state), self._state
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
