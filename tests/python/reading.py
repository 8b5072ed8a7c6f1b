"""Runs that a test reads from Python, and what is left of them."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import zmq

from fashion_pipeline.python.inbox import Arrived, Inbox
from fashion_pipeline.python.run import Run


def processes_of(run: Run) -> list[psutil.Process]:
    """The processes of a run's stages, as far as they have been started."""
    try:
        children = psutil.Process(run._launched.pid).children()
        return [child for child in children if "framegraph.nodes.process" in child.cmdline()]
    except psutil.NoSuchProcess:
        return []


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextlib.contextmanager
def served(folder: Path, limit: int = 16) -> Iterator["Reading"]:
    """An inbox with a thread that serves it, as `Launched` does."""
    context: zmq.Context[Any] = zmq.Context()
    reading = Reading(Inbox(context, f"ipc://{folder / 'records'}", limit), f"ipc://{folder / 'records'}")
    thread = threading.Thread(target=reading.serve)
    thread.start()
    try:
        yield reading
    finally:
        reading.is_over = True
        thread.join()
        reading.inbox.socket.close()
        context.term()


class Reading:
    def __init__(self, inbox: Inbox, address: str) -> None:
        self.inbox = inbox
        self.address = address
        self.is_over = False

    def serve(self) -> None:
        while not self.is_over:
            self.inbox.socket.poll(5)
            self.inbox.serve()
        self.inbox.end()

    def here(self) -> list[Arrived]:
        """What has arrived and was not taken."""
        return list(self.inbox._arrived)


def short_folder(tmp_path: Path) -> Path:
    """A folder whose name is short enough for a socket."""
    short = Path("/tmp") / f"fp-{os.getpid()}-{time.monotonic_ns()}"
    short.symlink_to(tmp_path)
    return short
