"""`launcher.py drill GRAPH kill:detect.0 …`: faults on real processes of a real run, and a verdict.

The run is an ordinary one, in a launcher of its own; the faults come from outside, as a crash or the kernel
would deal them.
"""

import dataclasses
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable

from framegraph.errors import GraphError
from framegraph.graph.model import Graph
from framegraph.properties import nearest
from framegraph.run_files.ledgers import Ledgers
from framegraph.tools.verdict import Verdict, judge
from framegraph.view.observed import children_of, status_of
from framegraph.wire.config import RunPaths

START_LIMIT_S = 120.0
RECOVERY_LIMIT_S = 120.0
"""A run that commits no frame for this long after a fault counts as stuck."""
END_LIMIT_S = 600.0
_SIGNALS = {"kill": signal.SIGKILL, "again": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclasses.dataclass(frozen=True)
class Fault:
    """One kind of fault: the action (kill, again, stop) and its target replicas ("any": a random one)."""

    action: str
    targets: tuple[str, ...]


def read_fault(text: str, graph: Graph) -> Fault:
    """Read `kill:work.0`, `kill:work+sink` (both at once), `again:sink` (its successor too), `stop:sink`
    or `kill:any`; GraphError for anything else."""
    action, colon, targets = text.partition(":")
    if not colon or action not in _SIGNALS:
        raise GraphError(f"fault '{text}': expected kill:, again: or stop:, then STAGE[.REPLICA] or any")
    return Fault(action, tuple(_read_target(text, target, graph) for target in targets.split("+")))


def _read_target(text: str, target: str, graph: Graph) -> str:
    stage, _dot, replica = target.partition(".")
    if target == "any":
        return target
    if stage not in graph.stages:
        raise GraphError(f"fault '{text}': there is no stage '{stage}'{nearest(stage, graph.stages)}")
    if not (replica or "0").isdecimal() or int(replica or 0) >= graph.stages[stage].replicas:
        raise GraphError(
            f"fault '{text}': stage '{stage}' has {graph.stages[stage].replicas} replicas, from 0"
        )
    return f"{stage}.{replica or 0}"


class Drill:
    """One run with faults at random moments. The same seed chooses the same faults and pauses."""

    def __init__(
        self,
        graph: Graph,
        command: list[str],
        faults: list[str],
        *,
        times: int,
        seed: int,
    ) -> None:
        """command: what runs the graph; it is given --quiet as well."""
        self._graph = graph
        self._command = [*command, "--quiet"]
        self._faults = [read_fault(text, graph) for text in faults]
        self._times = times
        self._random = random.Random(seed)
        self.verdict = Verdict(seed)

    def go(self, *, max_pause_s: float, stop_at_end: bool) -> Verdict:
        """Run the graph, deal the faults, and judge. `stop_at_end`: Ctrl-C after the last fault, for an
        endless input."""
        launcher = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        expected = {0}
        try:
            ledgers = self._wait_for_start(launcher)
            if ledgers is not None:
                self._harm(launcher, ledgers, max_pause_s)
                if stop_at_end and launcher.poll() is None:
                    launcher.send_signal(signal.SIGINT)
                    expected = {130}
                ledgers.close()
            output, _errors = launcher.communicate(timeout=END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.verdict.problems.append(f"the run did not end within {END_LIMIT_S:.0f} s")
            return self.verdict
        finally:
            launcher.kill()
        if launcher.returncode not in expected:
            self.verdict.problems.append(f"exit status {launcher.returncode}: {output.strip()[-2000:]}")
        judge(self._graph, self.verdict)
        return self.verdict

    def _wait_for_start(self, launcher: "subprocess.Popen[str]") -> Ledgers | None:
        """Wait for the first committed frame."""
        deadline_s = time.monotonic() + START_LIMIT_S
        ledgers: Ledgers | None = None
        while time.monotonic() < deadline_s and launcher.poll() is None:
            folder = next((folder for _pid, _name, folder in children_of(launcher.pid)), None)
            if folder is not None:
                ledgers = ledgers or Ledgers(lambda: self._graph, RunPaths(folder))
                if self._committed(ledgers):
                    return ledgers
            time.sleep(0.02)
        if launcher.poll() is None:
            self.verdict.problems.append(f"no frame was committed within {START_LIMIT_S:.0f} s")
            launcher.kill()
        return None

    @staticmethod
    def _committed(ledgers: Ledgers) -> int:
        return sum(
            ledger.delivered + sum(ledger.failed.values()) + sum(ledger.dropped.values())
            for ledger in ledgers.all().values()
        )

    def _harm(self, launcher: "subprocess.Popen[str]", ledgers: Ledgers, max_pause_s: float) -> None:
        for _time in range(self._times):
            pause_s = self._random.uniform(0, max_pause_s)
            fault = self._random.choice(self._faults)
            time.sleep(pause_s)
            if launcher.poll() is not None:
                return
            old = self._incarnations(launcher)
            before, started_s = self._committed(ledgers), time.monotonic()
            if not self._apply(launcher, fault):
                continue
            if not self._wait_for_commit(launcher, ledgers, before):
                return
            self.verdict.recoveries_s.append(time.monotonic() - started_s)
            if fault.action == "kill" and len(fault.targets) == 1 and fault.targets != ("any",):
                self._note_recovery(launcher, ledgers, old, started_s)

    def _wait_for_commit(self, launcher: "subprocess.Popen[str]", ledgers: Ledgers, before: int) -> bool:
        return self._wait(launcher, lambda: self._committed(ledgers) > before)

    def _wait(self, launcher: "subprocess.Popen[str]", is_reached: Callable[[], bool]) -> bool:
        """Wait; False when the run has ended, or is stuck, which is a problem."""
        deadline_s = time.monotonic() + RECOVERY_LIMIT_S
        while not is_reached():
            if launcher.poll() is not None:
                return False
            if time.monotonic() > deadline_s:
                self.verdict.problems.append(f"no frame was committed after {self.verdict.faults[-1]}")
                launcher.kill()
                return False
            time.sleep(0.005)
        return True

    @staticmethod
    def _incarnations(launcher: "subprocess.Popen[str]") -> dict[str, int]:
        pages = {name: status_of(name, folder) for _pid, name, folder in children_of(launcher.pid)}
        return {name: page.incarnation for name, page in pages.items() if page is not None}

    def _note_recovery(
        self,
        launcher: "subprocess.Popen[str]",
        ledgers: Ledgers,
        old: dict[str, int],
        started_s: float,
    ) -> None:
        """Wait until the successor is ready and a frame has been committed since. Frames already past the
        killed process are committed before that; they say nothing about how long it was missing."""
        name = self.verdict.faults[-1].partition(":")[2]
        folder = next((folder for _pid, _name, folder in children_of(launcher.pid)), None)
        if folder is None:
            return

        def start_of_successor() -> float:
            page = status_of(name, folder)
            if page is None or page.incarnation == old.get(name):
                return 0.0
            return page.ready_after_s or 0.0

        if not self._wait(launcher, lambda: start_of_successor() > 0):
            return
        before, start_s = self._committed(ledgers), start_of_successor()
        if self._wait_for_commit(launcher, ledgers, before):
            times = self.verdict.by_stage.setdefault(name.partition(".")[0], [])
            times.append((time.monotonic() - started_s, start_s))

    def _apply(self, launcher: "subprocess.Popen[str]", fault: Fault) -> bool:
        """Deal a fault to its targets; False when none of them has a process at this moment."""
        hit = False
        for target in fault.targets:
            alive = {name: pid for pid, name, _folder in children_of(launcher.pid)}
            name = self._random.choice(sorted(alive) or [""]) if target == "any" else target
            hit |= self._strike(fault, name, alive.get(name))
            if fault.action == "again":
                self._strike(fault, name, self._successor(launcher, name, alive.get(name)))
        return hit

    def _strike(self, fault: Fault, name: str, pid: int | None) -> bool:
        if pid is None:
            return False
        try:
            os.kill(pid, _SIGNALS[fault.action])
        except ProcessLookupError:
            return False
        self.verdict.faults.append(f"{fault.action}:{name}")
        return True

    @staticmethod
    def _successor(launcher: "subprocess.Popen[str]", name: str, old: int | None) -> int | None:
        deadline_s = time.monotonic() + START_LIMIT_S
        while old is not None and launcher.poll() is None and time.monotonic() < deadline_s:
            now = {child: pid for pid, child, _folder in children_of(launcher.pid)}.get(name)
            if now not in (None, old):
                return now
            time.sleep(0.002)
        return None
