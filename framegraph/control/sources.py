"""Attaching and detaching sources while the graph runs, and the release of those that have ended."""

import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from framegraph.control.command import Answer, Procedure
from framegraph.errors import GraphError
from framegraph.frames.ledger import Ledger
from framegraph.graph.change import with_source, without_source
from framegraph.graph.model import Graph
from framegraph.graph.registry import writes_file
from framegraph.properties import nearest
from framegraph.run_files.earlier_outputs import move_aside
from framegraph.run_files.ledgers import Ledgers
from framegraph.run_files.output_locks import OutputLocks
from framegraph.supervisor.processes import Processes
from framegraph.supervisor.state import RUNNING, STOPPING, RunState
from framegraph.traces.recorder import forget
from framegraph.wire.sockets import MAX_IPC_PATH_BYTES


class Attachments:
    """Procedures for attach and detach, and for releasing a source that has ended."""

    def __init__(self, state: RunState, processes: Processes, ledgers: Ledgers, locks: OutputLocks) -> None:
        self._state = state
        self._processes = processes
        self._ledgers = ledgers
        self._locks = locks
        self._being_released: set[str] = set()
        self._left: dict[str, Ledger] = {}

    def until(self, condition: Callable[[], bool]) -> Generator[None, None, None]:
        """Wait for a condition; GraphError when the run ends before."""
        while not condition():
            if self._state.phase == STOPPING:
                raise GraphError("the run is ending")
            yield

    def attach(self, name: str, values: dict[str, Any], to: list[str]) -> Procedure:
        """Link a new source into the graph and start it; done when it runs."""
        state = self._state
        if state.phase != RUNNING:
            raise GraphError(f"attach {name}: the run is ending; start the graph anew")
        # Everything of an earlier source of this name must be gone before another one gets it.
        yield from self.until(lambda: name not in self._being_released)
        graph = with_source(state.graph, name, values, to)
        longest = state.paths.outlet(name, 0)
        if len(longest.encode()) - len("ipc://") > MAX_IPC_PATH_BYTES:
            raise GraphError(f"attach {name}: the name is too long for a socket in {state.paths.folder}")
        files = _files(graph, name)
        moved = self._put_aside(name, files)
        self._locks.add(files)
        moved += move_aside(graph, [name])
        state.outputs = {key: said for key, said in state.outputs.items() if key[1] != name}
        state.number(name)
        state.identity.starts.pop(name, None)
        state.attached.add(name)
        state.change(graph)
        self._processes.relink()
        # Its receivers first: a frame that arrives too early would have to be resent.
        yield from self.until(lambda: state.is_linked)
        child = state.add(name, 0)
        self._processes.start(child)
        failure = ""
        while name in state.graph.stages and not (child.has_run and not failure):
            failure = state.source_failures.get(name, failure)
            yield from self._one_round()
        if failure:
            raise GraphError(f"attach {name}: {failure}")
        links = ", ".join(graph.downstream(name))
        lines = [f"{name} is attached to {links}", *(f"writes {path}" for path in files), *moved]
        return Answer("\n".join(lines), {"name": name, "to": graph.downstream(name)})

    def _one_round(self) -> Generator[None, None, None]:
        if self._state.phase == STOPPING:
            raise GraphError("the run is ending")
        yield

    def detach(self, name: str) -> Procedure:
        """End a source: EOS, time to drain, then everything of it is freed."""
        state = self._state
        place = f"detach {name}"
        if name not in state.graph.stages:
            raise GraphError(f"{place}: there is no source '{name}'{nearest(name, state.sources)}")
        spec = state.graph.stages[name]
        if spec.kind != "source":
            raise GraphError(f"{place}: '{name}' is a {spec.kind}; only sources can be detached")
        if name in state.detaching:
            raise GraphError(f"{place}: it is being detached already")
        if not any(other not in state.ended_sources for other in self._others(name)):
            raise GraphError(
                f"{place}: no other source is left, so the run would end; attach another one first, or stop"
            )
        state.detaching.add(name)
        self._processes.send_command(name, kind="eos", cause="stopped", drain_s=spec.common.drain)
        yield from self.until(lambda: name not in state.graph.stages and name not in self._being_released)
        ledger = self._left[name]
        return Answer(f"{name} is detached: {ledger.describe()}", {"name": name, "ledger": ledger.to_plain()})

    def _others(self, name: str) -> list[str]:
        return [
            other for other in self._state.sources if other != name and other not in self._state.detaching
        ]

    def ended(self) -> list[Procedure]:
        """Return the releases to begin: of sources that have ended and were attached, or are being
        detached."""
        state = self._state
        if state.phase != RUNNING or not set(state.sources) - set(state.ended_sources):
            return []
        loose = (state.attached | state.detaching) & set(state.ended_sources) - self._being_released
        self._being_released |= loose
        return [self._release(name) for name in sorted(loose)]

    def _release(self, name: str) -> Procedure:
        """Free everything of a source that has ended: process, links, frame store file, sockets, locks."""
        state = self._state
        children = state.replicas(name)
        for child in children:
            child.restart_at_s = None
        self._processes.send_command(name, kind="stop")
        yield from self.until(lambda: not any(child.is_alive for child in children))
        files = _files(state.graph, name)
        state.change(without_source(state.graph, name))
        self._processes.relink()
        # Until all processes have let go, nothing of it may be removed, nor its name reused.
        yield from self.until(lambda: state.is_linked)
        ledger = self._left[name] = self._ledgers.forget(name)
        self._remove_frame_store(name)
        forget(Path(state.paths.trace), name)
        for child in children:
            state.remove(child)
        for endpoint in (state.paths.outlet(name, 0), state.paths.acknowledgements(name)):
            Path(endpoint.removeprefix("ipc://")).unlink(missing_ok=True)
        for stage in state.graph.of_kind("ordered"):
            for letter in "ab":
                Path(f"{state.paths.journal(stage.name, name)}.{letter}").unlink(missing_ok=True)
        self._locks.drop(files)
        if name in state.source_failures and not ledger.captured:
            for path in files:
                path.unlink(missing_ok=True)
        said = state.ended_sources.pop(name)
        state.past_skipped[name] = said.get("skipped") or {}
        state.lost_acknowledgers = {pair for pair in state.lost_acknowledgers if pair[0] != name}
        state.source_failures.pop(name, None)
        state.attached.discard(name)
        state.detaching.discard(name)
        del state.streams[name]
        self._being_released.discard(name)
        return Answer(f"{name} has left: {ledger.describe()}")

    def _remove_frame_store(self, name: str) -> None:
        link = Path(self._state.paths.pools) / name
        if link.is_symlink():
            Path(os.readlink(link)).unlink(missing_ok=True)
            link.unlink()

    def _put_aside(self, name: str, files: list[Path]) -> list[str]:
        """Rename what this run has written for an earlier source of the name."""
        moved = []
        for path in files if name in self._left else []:
            if path.exists():
                number = 1
                while (aside := path.with_name(f"{path.stem}.{number}{path.suffix}")).exists():
                    number += 1
                path.rename(aside)
                moved.append(f"what {name} wrote before is now {aside}")
        return moved


def _files(graph: Graph, source: str) -> list[Path]:
    """Return the files that sinks write for a source."""
    return [
        path
        for (sink, name), path in graph.locations().items()
        if name == source and writes_file(graph.stages[sink].stage)
    ]
