"""Changes of a worker's number of replicas while the graph runs."""

import time
from collections.abc import Callable, Generator
from pathlib import Path

from framegraph.control.command import Answer, Procedure
from framegraph.errors import GraphError
from framegraph.graph.change import short_windows, with_replicas
from framegraph.supervisor.processes import Processes
from framegraph.supervisor.replica import Child
from framegraph.supervisor.state import RUNNING, STOPPING, RunState

LEAVE_LIMIT_S = 10.0
"""In addition to the time for one packet (timeout): a replica that is not empty by then is killed, and what
it had is resent."""


class Scaling:
    """Scale a worker. New replicas take packets as soon as they have loaded; those that leave accept nothing
    more, pass on what they hold, and end."""

    def __init__(self, state: RunState, processes: Processes) -> None:
        self._state = state
        self._processes = processes

    def scale(self, stage: str, replicas: int) -> Procedure:
        state = self._state
        if state.phase != RUNNING:
            raise GraphError(f"scale {stage}: the run is ending")
        with_replicas(state.graph, stage, replicas)
        # One change of a stage at a time.
        yield from self._until(lambda: not any(key[0] == stage for key in state.leaving | state.on_trial))
        before = state.graph.stages[stage].replicas
        if replicas > before:
            yield from self._grow(stage, before, replicas)
        elif replicas < before:
            yield from self._shrink(stage, replicas)
        lines = [f"{stage} has {replicas} replicas (had {before})"]
        lines += [
            f"the pool of '{name}' was made for fewer: it keeps {state.graph.window_of(name)} frames under "
            f"way, {wanted} would suit; start with a larger {name}.frame-store to use more replicas"
            for name, wanted in short_windows(state.graph, stage).items()
        ]
        return Answer("\n".join(lines), {"stage": stage, "before": before, "replicas": replicas})

    def _until(self, condition: Callable[[], bool]) -> Generator[None, None, None]:
        while not condition():
            if self._state.phase == STOPPING:
                raise GraphError("the run is ending")
            yield

    def _grow(self, stage: str, before: int, replicas: int) -> Generator[None, None, None]:
        state = self._state
        state.change(with_replicas(state.graph, stage, replicas))
        children = [state.add(stage, replica) for replica in range(before, replicas)]
        state.on_trial |= {(stage, child.replica) for child in children}
        for child in children:
            self._processes.start(child)
        self._processes.relink()
        while waiting := [child for child in children if (stage, child.replica) in state.on_trial]:
            for child in waiting:
                if child.has_run and child.is_alive:
                    state.on_trial.discard((stage, child.replica))
                elif child.error and not child.is_alive:
                    problem = child.error
                    yield from self._shrink(stage, before)
                    raise GraphError(f"scale {stage} {replicas}: {problem}; there are {before} as before")
            if state.phase == STOPPING:
                raise GraphError("the run is ending")
            yield

    def _shrink(self, stage: str, replicas: int) -> Generator[None, None, None]:
        state = self._state
        going = [child for child in state.replicas(stage) if child.replica >= replicas]
        for child in going:
            state.leaving.add((stage, child.replica))
            state.on_trial.discard((stage, child.replica))
            child.restart_at_s = None
            if not child.has_run:
                # It has received nothing yet.
                child.kill()
        limit_s = time.monotonic() + state.graph.stages[stage].common.timeout + LEAVE_LIMIT_S
        told_s = 0.0
        while alive := [child for child in going if child.is_alive]:
            now_s = time.monotonic()
            if now_s - told_s > 1.0:
                told_s = now_s
                for child in alive:
                    self._processes.send_command(stage, only=child, kind="retire")
            if now_s > limit_s:
                self._kill(alive)
            if state.phase == STOPPING:
                raise GraphError("the run is ending")
            yield
        state.change(with_replicas(state.graph, stage, replicas))
        for child in going:
            state.remove(child)
            Path(state.paths.outlet(stage, child.replica).removeprefix("ipc://")).unlink(missing_ok=True)
        self._processes.relink()
        yield from self._until(lambda: state.is_linked)

    def _kill(self, children: list[Child]) -> None:
        for child in children:
            self._state.report.log(child.name, "WARNING", "still holds packets; killing it")
            child.kill()
