"""`launcher.py drill GRAPH kill:detect.0 …`: faults on real processes of a real run, and a verdict.

The run is an ordinary one, in a launcher of its own; the faults come from outside, as a crash or the kernel
would deal them.
"""

import dataclasses
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from runtime.errors import GraphError
from runtime.graph.model import Graph
from runtime.graph.registry import writes_file
from runtime.hosts.config import RunPaths
from runtime.hosts.status_page import StatusPage
from runtime.launch.ledgers import Ledgers
from runtime.properties import nearest
from runtime.stage import FileSink

START_LIMIT_S = 120.0
RECOVERY_LIMIT_S = 120.0
"""A run that commits no frame for so long after a fault counts as stuck."""
END_LIMIT_S = 600.0
_SIGNALS = {"kill": signal.SIGKILL, "again": signal.SIGKILL, "stop": signal.SIGSTOP}
_LAUNCHER = Path(__file__).resolve().parents[2] / "launcher.py"


@dataclasses.dataclass(frozen=True)
class Fault:
    """One kind of fault: what is done (kill, again, stop) to which replicas ("any": a random one)."""

    action: str
    targets: tuple[str, ...]


@dataclasses.dataclass
class Verdict:
    """What a drill has come to. Times in seconds from a fault to the next committed frame."""

    seed: int
    faults: list[str] = dataclasses.field(default_factory=list)
    recoveries_s: list[float] = dataclasses.field(default_factory=list)
    by_stage: dict[str, list[tuple[float, float]]] = dataclasses.field(default_factory=dict)
    """Of kills of one process whose successor was there by the next committed frame, per stage: (recovery,
    start of the successor until it was ready)."""
    lost: int = 0
    doubled: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.problems and not self.lost and not self.doubled

    def describe(self) -> str:
        times = "no frame after the last fault"
        if self.recoveries_s:
            median_s, worst_s = statistics.median(self.recoveries_s), max(self.recoveries_s)
            times = f"recovery median {median_s:.2f} s, worst {worst_s:.2f} s"
        beyond = [recovery - start for times in self.by_stage.values() for recovery, start in times]
        if beyond:
            median_s, worst_s = statistics.median(beyond), max(beyond)
            times += f" (beyond the start of the stage {median_s:.2f} s, worst {worst_s:.2f} s)"
        verdict = "passed" if self.passed else "FAILED: " + "; ".join(self.problems)
        return f"{len(self.faults)} faults, {self.lost} lost, {self.doubled} doubled, {times}: {verdict}"


def read_fault(text: str, graph: Graph) -> Fault:
    """Read `kill:detect.0`, `kill:crop+film` (both at once), `again:film` (its successor too), `stop:film`
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
        self, graph: Graph, arguments: list[str], faults: list[str], *, times: int, seed: int
    ) -> None:
        self._graph = graph
        self._arguments = arguments
        self._faults = [read_fault(text, graph) for text in faults]
        self._times = times
        self._random = random.Random(seed)
        self.verdict = Verdict(seed)

    def go(self, *, max_pause_s: float, stop_at_end: bool) -> Verdict:
        """Run, harm, and judge. `stop_at_end`: Ctrl-C after the last fault, for an endless input."""
        launcher = subprocess.Popen(
            [sys.executable, str(_LAUNCHER), *self._arguments, "--quiet"],
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
            self.verdict.problems.append(f"the run has not ended within {END_LIMIT_S:.0f} s")
            return self.verdict
        finally:
            launcher.kill()
        if launcher.returncode not in expected:
            self.verdict.problems.append(f"exit status {launcher.returncode}: {output.strip()[-2000:]}")
        self._judge()
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
            before = self._committed(ledgers)
            started_s = time.monotonic()
            if not self._apply(launcher, fault):
                continue
            while launcher.poll() is None and self._committed(ledgers) <= before:
                if time.monotonic() - started_s > RECOVERY_LIMIT_S:
                    self.verdict.problems.append(f"no frame was committed after {self.verdict.faults[-1]}")
                    launcher.kill()
                    return
                time.sleep(0.005)
            if launcher.poll() is None:
                self._note_recovery(launcher, fault, time.monotonic() - started_s)

    def _note_recovery(self, launcher: "subprocess.Popen[str]", fault: Fault, recovery_s: float) -> None:
        self.verdict.recoveries_s.append(recovery_s)
        if fault.action != "kill" or len(fault.targets) != 1:
            return
        name = self.verdict.faults[-1].partition(":")[2]
        for _pid, child, folder in children_of(launcher.pid):
            if child == name and (start_s := start_of(child, folder)) is not None:
                self.verdict.by_stage.setdefault(name.partition(".")[0], []).append((recovery_s, start_s))

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

    def _judge(self) -> None:
        path = self._graph.ledger_path
        if path is None or not path.exists():
            self.verdict.problems.append("there is no ledger")
            return
        ledger: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not ledger["balanced"]:
            self.verdict.problems.append("the ledger is not balanced")
        for (sink, source), location in self._graph.locations().items():
            stage = self._graph.stages[sink].stage
            if not (writes_file(stage) and issubclass(stage, FileSink)):
                continue
            sums = ledger["sources"][source]
            if sums["in_flight"]:
                self.verdict.problems.append(
                    f"{sums['in_flight']} frames of {source} are in flight at the end"
                )
            try:
                count = stage.count(location)
            except (ValueError, OSError) as error:
                self.verdict.problems.append(str(error))
                continue
            if count is None:
                continue
            lost, doubled = lost_and_doubled(sums, count)
            self.verdict.lost += lost
            self.verdict.doubled += doubled


def lost_and_doubled(sums: dict[str, Any], count: int) -> tuple[int, int]:
    """Return how many frames are missing from, and too many in, an output of `count` frames of a source whose
    ledger says `sums`."""
    dropped = sums["dropped"]
    most = sums["captured"] - sum(dropped.get(word, 0) for word in ("leaky", "late", "undecodable"))
    # Of the frames that a stop flushed, those that had been sent are in the output, the others are not.
    least = most - dropped.get("flushed", 0)
    return max(0, least - count), max(0, count - most)


def children_of(pid: int) -> list[tuple[int, str, str]]:
    """Return (process id, STAGE.REPLICA, run folder) of the processes that a launcher has started."""
    found = []
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    for child in children:
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if b"runtime.hosts.process" in command and state != "Z":
            at = command.index(b"runtime.hosts.process")
            found.append((int(child), command[at + 1].decode(), command[at + 3].decode()))
    return found


def start_of(name: str, folder: str) -> float | None:
    """Return how long a process took from its start until it was ready, in seconds; None if it is not."""
    stage, _dot, replica = name.rpartition(".")
    path = Path(RunPaths(folder).status(stage, int(replica)))
    return StatusPage(path).read().ready_s or None if path.exists() else None
