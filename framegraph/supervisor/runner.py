"""Runners, which alone know how processes are started, watched and killed. What the processes are for, and
how to respond to their deaths, is decided elsewhere."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from framegraph.supervisor.descendants import PROCESS_MARK, RUN_MARK, end_marked
from framegraph.supervisor.guardian import Guardian
from framegraph.support.secrets import environment_without_secrets
from framegraph.wire.config import BUS_TOKEN, RunPaths
from framegraph.wire.status_page import Status, StatusPage

MAX_LINE_BYTES = 10_000
_PROJECT = Path(__file__).resolve().parents[2]
_MODULE = "framegraph.nodes.process"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """The data that a runner needs to start a process."""

    stage: str
    replica: int
    incarnation: int
    token: str
    """The token that proves its identity on the bus: known to it alone."""
    threads: int
    """The size of its libraries' thread pools."""

    @property
    def name(self) -> str:
        return f"{self.stage}.{self.replica}"


class RunningProcess(Protocol):
    """One process, from its start on; its last status can be read after its end."""

    @property
    def pid(self) -> int:
        """For display; it means nothing on another host."""

    @property
    def fds(self) -> tuple[int, ...]:
        """File descriptors; one is readable when it has written on standard error or has ended; () after its
        end."""

    def poll(self) -> int | None:
        """Return its exit status (-N: by signal N), None while it runs. Whatever it had started ends with
        it."""

    def stderr_lines(self) -> list[str]:
        """Return the lines written on standard error since the last call."""

    def status(self) -> Status:
        """Return its last status, also after its end, until its successor starts."""

    def memory_bytes(self) -> int:
        """Return its own memory, without shared pixels and library code; 0 after its end."""

    def had_memory(self) -> bool:
        """Whether its host has killed nothing for lack of memory since it was started."""

    def kill(self) -> None:
        """Kill it without waiting; `poll` shows when it has ended."""

    def end(self) -> None:
        """Kill it, and wait until it has ended."""

    def forget(self) -> None:
        """Remove what was kept of it: it has ended and none will follow in its place."""


class Runner(Protocol):
    """Starts processes."""

    def start(self, spec: ProcessSpec) -> RunningProcess:
        """Start a process; its predecessor in the same place has ended. OSError if the system has no
        resources."""


class LocalRunner:
    """A runner for this host: each process is a fresh interpreter that leads its own session.

    Use it from the launcher's main thread: a process asks the kernel to be killed when the thread that
    started it ends.
    """

    def __init__(self, paths: RunPaths, guardian: Guardian) -> None:
        self._paths = paths
        self._guardian = guardian
        self._pages: dict[str, StatusPage] = {}

    def start(self, spec: ProcessSpec) -> "LocalProcess":
        path = Path(self._paths.status(spec.stage, spec.replica))
        if spec.name not in self._pages:
            self._pages[spec.name] = StatusPage(path)
        mark = f"{self._paths.run}/{spec.name}#{spec.incarnation}"
        # Without the working directory on its path: files next to a user's input must not become our modules.
        command = [sys.executable, "-P", "-m", _MODULE, spec.name, "--run", self._paths.folder]
        command += ["--incarnation", str(spec.incarnation), "--launcher", str(os.getpid())]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=child_environment(spec.threads)
            | {RUN_MARK: self._paths.run, PROCESS_MARK: mark, BUS_TOKEN: spec.token},
        )
        self._guardian.watch(process.pid)
        return LocalProcess(self, spec, process, mark, self._pages[spec.name])

    def ended(self, pid: int) -> None:
        """Note that a process has ended and its session is empty."""
        self._guardian.forget(pid)

    def forget(self, spec: ProcessSpec) -> None:
        """Note that no other process will take its place."""
        self._pages.pop(spec.name).close()
        Path(self._paths.status(spec.stage, spec.replica)).unlink(missing_ok=True)


class LocalProcess:
    """A process on this host, watched through its status page, a pidfd and /proc."""

    def __init__(
        self,
        runner: LocalRunner,
        spec: ProcessSpec,
        process: "subprocess.Popen[bytes]",
        mark: str,
        page: StatusPage,
    ) -> None:
        self.pid = process.pid
        self._runner = runner
        self._spec = spec
        self._process = process
        self._mark = mark
        self._page = page
        self._oom_kills = _oom_kills()
        self._rest = b""
        self._lines: list[str] = []
        assert process.stderr is not None
        self._stderr = process.stderr
        os.set_blocking(self._stderr.fileno(), False)
        self._pidfd = os.pidfd_open(process.pid)
        self._has_ended = False

    @property
    def fds(self) -> tuple[int, ...]:
        return () if self._has_ended else (self._pidfd, self._stderr.fileno())

    def poll(self) -> int | None:
        status = self._process.poll()
        if status is not None and not self._has_ended:
            self._read()
            if self._rest:
                self._lines.append(self._rest.decode(errors="replace"))
            self._stderr.close()
            os.close(self._pidfd)
            self._has_ended = True
            # What it has started or forked no longer has a purpose.
            end_marked(PROCESS_MARK, self._mark, {self.pid})
            self._runner.ended(self.pid)
        return status

    def stderr_lines(self) -> list[str]:
        if not self._has_ended:
            self._read()
        lines, self._lines = self._lines, []
        return lines

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._stderr.fileno(), 65536)
            except BlockingIOError:
                return
            if not data:
                return
            *whole, self._rest = (self._rest + data).split(b"\n")
            # A line that never ends is not kept for ever.
            if len(self._rest) > MAX_LINE_BYTES:
                whole, self._rest = [*whole, self._rest], b""
            self._lines.extend(line.decode(errors="replace") for line in whole)

    def status(self) -> Status:
        status, own = self._page.read(), self._spec.incarnation
        # It may have ended before it took over the page, which then still shows its predecessor.
        return status if status.incarnation == own else Status(incarnation=own)

    def memory_bytes(self) -> int:
        if self._has_ended:
            return 0
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0
        return next(
            (int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:")), 0
        )

    def had_memory(self) -> bool:
        return _oom_kills() == self._oom_kills

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self.poll()

    def forget(self) -> None:
        self._runner.forget(self._spec)


def name_and_folder(command: list[str]) -> tuple[str, str] | None:
    """Return STAGE.REPLICA and the run folder of a command line with which a process of a run was started;
    None for others."""
    if _MODULE not in command:
        return None
    at = command.index(_MODULE)
    return command[at + 1], command[at + 3]


def _oom_kills() -> int:
    """Return how many processes the kernel has killed for lack of memory since boot; 0 if unknown."""
    try:
        counters = Path("/proc/vmstat").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in counters.splitlines() if line.startswith("oom_kill ")), 0)


POOLS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
"""Variables that set the size of libraries' thread pools, which otherwise use all cores each."""


def child_environment(threads: int) -> dict[str, str]:
    """Return the children's environment: they import the project from its place, and libraries' pools have
    the threads of a replica, unless the user has set them. Variables with a password of the graph are left
    out: a child gets its addresses over the bus."""
    path = os.pathsep.join(filter(None, [str(_PROJECT), os.environ.get("PYTHONPATH", "")]))
    pools = dict.fromkeys(POOLS, str(threads))
    return {**pools, **environment_without_secrets(os.environ), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
