"""One child process of the launcher: started as a fresh interpreter, watched through its status page."""

import os
import secrets
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from framegraph.supervisor.descendants import PROCESS_MARK, RUN_MARK, end_marked
from framegraph.supervisor.policy import FrameDeaths, RestartPolicy, is_kill
from framegraph.support.secrets import environment_without_secrets
from framegraph.wire.config import BUS_TOKEN, RunPaths
from framegraph.wire.status_page import Status, StatusPage

STDERR_LINES = 20
MAX_LINE_BYTES = 10_000
_PROJECT = Path(__file__).resolve().parents[2]


class Child:
    """A replica of a stage through all its incarnations."""

    def __init__(
        self,
        stage: str,
        replica: int,
        paths: RunPaths,
        incarnation: int = -1,
        *,
        threads: int = 1,
        is_live: bool = False,
    ) -> None:
        self.stage = stage
        self.replica = replica
        self.name = f"{stage}.{replica}"
        self.incarnation = incarnation
        self.linked = -1
        """The change of the graph that this incarnation has taken over."""
        self.has_config = False
        self.told_s = 0.0
        self.heard_s = 0.0
        self.state = "stopped"
        self.error = ""
        self.has_run = False
        self.is_last_try = False
        self.started_s = 0.0
        self.restart_at_s: float | None = None
        self.policy = RestartPolicy(is_limited=not is_live)
        self.frame_deaths = FrameDeaths()
        self.has_hung = False
        self.statistics: dict[str, Any] = {}
        self.earlier: dict[str, float] = {}
        self._oom_kills = 0
        self._token = ""
        self._stderr_rest = b""
        self.stderr_tail: deque[str] = deque(maxlen=STDERR_LINES)
        self.process: subprocess.Popen[bytes] | None = None
        self.pidfd = -1
        self._paths = paths
        self._threads = threads
        self._page = StatusPage(Path(paths.status(stage, replica)))

    @property
    def identity(self) -> bytes:
        """What the process calls itself on the bus: with a token that it alone has been given."""
        return f"{self.name}#{self.incarnation}#{self._token}".encode()

    @property
    def _mark(self) -> str:
        return f"{self._paths.run}/{self.name}#{self.incarnation}"

    @property
    def is_alive(self) -> bool:
        return self.process is not None

    @property
    def pid(self) -> int:
        """Of its process, which leads a session; 0: it has none."""
        return self.process.pid if self.process is not None else 0

    def start(self) -> int:
        """Start the next incarnation and return its process id. Called from the launcher's main thread: the
        child asks the kernel to be killed when the thread that started it ends."""
        self.incarnation += 1
        self._token = secrets.token_hex(8)
        self.restart_at_s = None
        self.started_s = time.monotonic()
        self.state = "starting"
        self.error = ""
        self.linked = -1
        self.has_config = False
        self.has_hung = False
        self._oom_kills = oom_kills()
        self.stderr_tail.clear()
        self.keep_counts()
        # Without the working directory on its path: what lies beside a user's input is no module of ours.
        command = [
            sys.executable,
            "-P",
            "-m",
            "framegraph.nodes.process",
            self.name,
            "--run",
            self._paths.folder,
        ]
        command += ["--incarnation", str(self.incarnation), "--launcher", str(os.getpid())]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=child_environment(self._threads)
            | {RUN_MARK: self._paths.run, PROCESS_MARK: self._mark, BUS_TOKEN: self._token},
        )
        assert self.process.stderr is not None
        os.set_blocking(self.process.stderr.fileno(), False)
        self.pidfd = os.pidfd_open(self.process.pid)
        return self.process.pid

    def keep_counts(self) -> None:
        """Add what the incarnation that has ended had counted to the sums."""
        for name, value in self.statistics.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                self.earlier[name] = self.earlier.get(name, 0) + value
        self.statistics = {}

    def total(self, name: str) -> float:
        """A count over all incarnations, as far as they could report it."""
        value: float = self.statistics.get(name) or 0
        return value + self.earlier.get(name, 0)

    def was_killed(self, status: int) -> bool:
        """Whether somebody outside ended it: not the run for its hang, nor the kernel for want of memory."""
        return is_kill(status) and not self.has_hung and oom_kills() == self._oom_kills

    @property
    def stderr_fd(self) -> int:
        assert self.process is not None and self.process.stderr is not None
        return self.process.stderr.fileno()

    def read_stderr(self) -> list[str]:
        """Return the lines that came on standard error, and keep the last of them."""
        lines: list[str] = []
        while self.process is not None:
            try:
                data = os.read(self.stderr_fd, 65536)
            except BlockingIOError:
                break
            if not data:
                break
            *whole, self._stderr_rest = (self._stderr_rest + data).split(b"\n")
            # A line without an end is not kept for ever.
            if len(self._stderr_rest) > MAX_LINE_BYTES:
                whole, self._stderr_rest = [*whole, self._stderr_rest], b""
            lines.extend(line.decode(errors="replace") for line in whole)
        self.stderr_tail.extend(lines)
        return lines

    def reap(self) -> int | None:
        """Return the exit status if the process has ended, and forget the process."""
        if self.process is None:
            return None
        status = self.process.poll()
        if status is None:
            return None
        self.read_stderr()
        if self._stderr_rest:
            self.stderr_tail.append(self._stderr_rest.decode(errors="replace"))
            self._stderr_rest = b""
        assert self.process.stderr is not None
        self.process.stderr.close()
        os.close(self.pidfd)
        # What it has started or forked works for nobody any more.
        end_marked(PROCESS_MARK, self._mark, {self.process.pid})
        self.process, self.pidfd, self.state = None, -1, "ended"
        return status

    def status(self) -> Status:
        """The last words of the current or the just ended incarnation."""
        status = self._page.read()
        if status.incarnation != self.incarnation:
            # It ended before it could take the page over: what stands there is its predecessor's.
            return Status(
                incarnation=self.incarnation,
                heartbeat_s=0.0,
                loop_s=0.0,
                work_started_s=0.0,
                is_finishing=False,
                done=0,
                ready_s=0.0,
                asked_s=0.0,
                asked_seq=-1,
                working=(),
            )
        return status

    def memory_bytes(self) -> int:
        """Memory of its own that the process holds: without shared pixels and library code."""
        if self.process is None:
            return 0
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        return next(
            (int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:")), 0
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    def close(self) -> None:
        """The process has ended and none will follow: let go of its status page."""
        self._page.close()
        Path(self._paths.status(self.stage, self.replica)).unlink(missing_ok=True)


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory since it began; 0 where it does not say."""
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
"""What libraries with thread pools of their own ask for the size of these; without it, all cores each."""


def child_environment(threads: int) -> dict[str, str]:
    """The children's environment: they import the project from where it is, and the pools of libraries have
    the threads of a replica. What the user has set himself stands. Variables with a password of the graph in
    them stay here: a child gets its addresses over the bus."""
    path = os.pathsep.join(filter(None, [str(_PROJECT), os.environ.get("PYTHONPATH", "")]))
    pools = dict.fromkeys(POOLS, str(threads))
    return {**pools, **environment_without_secrets(os.environ), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
