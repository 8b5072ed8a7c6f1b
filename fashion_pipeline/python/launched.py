"""The launcher of a run that a Python program reads: a process, and a thread that attends to it."""

import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import Any

import zmq

from fashion_pipeline.python.inbox import Inbox
from fashion_pipeline.stages.app_sink import MAX_PATH_BYTES

MAX_LINES = 100
"""Of the launcher's log, kept for an error."""
MAX_LINE_BYTES = 100_000
LIMIT, LIMIT_WITH_PICTURES = 16, 2
"""Frames that may wait for the program."""
LEDGER, SOCKET = "ledger.json", "records"
log = logging.getLogger("fashion_pipeline")


class Launched:
    """A run: `inbox` has its records; after its end `status`, `lines` and `ledger` are known.

    The launcher's standard input stays open as long as this program lives and wants records. The thread
    holds no reference to the object that the program uses, so that one can be collected.
    """

    def __init__(self, words: list[str], *, pictures: bool) -> None:
        self.status: int | None = None
        self.ledger: dict[str, Any] = {}
        self.lines: deque[str] = deque(maxlen=MAX_LINES)
        self._folder = _make_folder()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        limit = LIMIT_WITH_PICTURES if pictures else LIMIT
        self.inbox = Inbox(self._context, f"ipc://{self._folder / SOCKET}", limit)
        # Reentrant: this object may be closed by the garbage collector, in any thread at any moment.
        self._lock = threading.RLock()
        self._wake: int | None = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._rest = b""
        command = [sys.executable, "-P", "-m", "fashion_pipeline", "feed", *words]
        command += ["--folder", str(self._folder), *(["--pictures"] if pictures else [])]
        # A session of its own: a terminal's Ctrl-C is for this program, which then ends the run.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=_environment(),
        )
        self._thread = threading.Thread(target=self._attend, name="fashion_pipeline", daemon=True)
        self._thread.start()

    def took(self) -> None:
        """Note that a record was taken, so that there is room for another."""
        with self._lock:
            if self._wake is not None:
                os.eventfd_write(self._wake, 1)

    def wait(self) -> None:
        """Wait until the launcher has ended."""
        self._thread.join()

    def close(self) -> None:
        """End the run as the first Ctrl-C does, and wait until its files are complete."""
        self.inbox.enough()
        self.took()
        self._release()
        if threading.current_thread() is not self._thread:
            self.wait()

    def _release(self) -> None:
        """Let the launcher know that its program wants no more."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _attend(self) -> None:
        try:
            self._serve()
        finally:
            self._release()
            self.status = self._process.wait()
            with contextlib.suppress(OSError, ValueError):
                self.ledger = json.loads((self._folder / LEDGER).read_text(encoding="utf-8"))
            self.inbox.socket.close()
            self._context.term()
            with self._lock:
                wake, self._wake = self._wake, None
            assert wake is not None
            os.close(wake)
            shutil.rmtree(self._folder, ignore_errors=True)
            self.inbox.end()

    def _serve(self) -> None:
        assert self._process.stderr is not None
        assert self._wake is not None
        with self._process.stderr as stderr, os.fdopen(os.pidfd_open(self._process.pid)) as ended:
            os.set_blocking(stderr.fileno(), False)
            poller = zmq.Poller()
            for each in (self.inbox.socket, self._wake, stderr.fileno(), ended.fileno()):
                poller.register(each, zmq.POLLIN)
            while True:
                ready = dict(poller.poll())
                if self._wake in ready:
                    os.eventfd_read(self._wake)
                # Whatever had come before the launcher ended is received before this loop ends.
                self.inbox.serve()
                if stderr.fileno() in ready and not self._hear(stderr.fileno()):
                    poller.unregister(stderr.fileno())
                if ended.fileno() in ready:
                    while self._hear(stderr.fileno()):
                        pass
                    return

    def _hear(self, stderr: int) -> bool:
        """Read what is there of the launcher's log; False if nothing is."""
        try:
            data = os.read(stderr, 65536)
        except BlockingIOError:
            return False
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            whole, self._rest = [*whole, self._rest], b""
        for line in whole:
            text = line.decode(errors="replace")
            self.lines.append(text)
            # "HH:MM:SS WARNING stage.0 …"; an error that ends the run is raised.
            if text[9:16].rstrip() == "WARNING":
                log.warning("%s", text)
        return bool(data)

    @property
    def pid(self) -> int:
        """Of the launcher."""
        return self._process.pid


def _environment() -> dict[str, str]:
    """Return this program's environment, in which the launcher finds this package wherever it is."""
    place = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [place, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path}


def _make_folder() -> Path:
    """Make a folder with mode 0700 whose name is short enough for a socket in it."""
    for parent in (tempfile.gettempdir(), "/tmp"):
        folder = Path(tempfile.mkdtemp(prefix="fashion-", dir=parent))
        if len(os.fsencode(folder / SOCKET)) <= MAX_PATH_BYTES:
            return folder
        folder.rmdir()
    raise AssertionError("/tmp is short enough")


def name_of(status: int) -> str:
    """Return what an exit status that means a signal says, e.g. "SIGKILL"; "" for others."""
    number = -status if status < 0 else status - 128
    return signal.Signals(number).name if number in {*signal.Signals} else ""
