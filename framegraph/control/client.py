"""The client's end of the control socket: it finds the running graph and sends it requests."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import select
import time
from pathlib import Path
from typing import Any

import zmq

from framegraph.control.server import MAX_REQUEST_BYTES, VERSION
from framegraph.errors import GraphError
from framegraph.run_files.own_folders import known_bases
from framegraph.run_files.run_folder import alive_runs
from framegraph.support.commands import program
from framegraph.wire import codec
from framegraph.wire.config import RunPaths
from framegraph.wire.sockets import connect_dealer, receive_all, try_send

POLL_MS = 100


@dataclasses.dataclass(frozen=True)
class RunningGraph:
    """A run whose launcher lives, as described in its folder."""

    folder: Path
    pid: int
    graph: str
    cwd: str
    started: float

    @property
    def run(self) -> str:
        return self.folder.name

    def describe(self) -> str:
        minutes = (time.time() - self.started) / 60
        return f"  {self.run}  {self.graph} in {self.cwd}, process {self.pid}, for {minutes:.0f} min"


def running_graphs() -> list[RunningGraph]:
    """Return this user's running graphs, the oldest first."""
    found = []
    # Only in this user's folders: another's may hold a socket that waits for a source's password.
    for base in known_bases():
        for folder in alive_runs(base):
            try:
                about = json.loads(Path(RunPaths(str(folder)).about).read_text(encoding="utf-8"))
            except FileNotFoundError:
                # It is starting and does not answer yet, or it has just ended.
                continue
            found.append(RunningGraph(folder, about["pid"], about["graph"], about["cwd"], about["started"]))
    return sorted(found, key=lambda running: running.run)


def find_run(run: str | None) -> RunningGraph:
    """Return the only running graph, or the one with the id `run`; GraphError lists the running ones."""
    found = running_graphs()
    listed = "\n".join(running.describe() for running in found)
    if run is not None:
        chosen = [running for running in found if running.run == run]
        if not chosen:
            raise GraphError(f"--run {run}: no graph runs under this id; running are:\n{listed or '  none'}")
        return chosen[0]
    if not found:
        bases = known_bases()
        where = f" in {', '.join(map(str, bases))}" if bases else ""
        raise GraphError(
            f"no graph is running for this user{where}; start one: {program()} run (one that "
            "another user or service started is found with its user, its TMPDIR and its XDG_RUNTIME_DIR)"
        )
    if len(found) > 1:
        raise GraphError(f"{len(found)} graphs are running; name one with --run ID:\n{listed}")
    return found[0]


def ask(running: RunningGraph, verb: str, arguments: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """Send one request and return the answer {ok, text, data}; GraphError when none arrives in time."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    endpoint = RunPaths(str(running.folder)).control
    socket = connect_dealer(context, endpoint, f"client#{secrets.token_hex(8)}")
    request = codec.pack({"v": VERSION, "id": os.getpid(), "verb": verb, "arguments": arguments})
    if len(request) > MAX_REQUEST_BYTES:
        raise GraphError(f"{verb}: {len(request)} bytes of arguments, {MAX_REQUEST_BYTES} may be sent")
    deadline_s = time.monotonic() + timeout_s
    is_sent = False
    try:
        while time.monotonic() < deadline_s:
            is_sent = is_sent or try_send(socket, [request])
            socket.poll(POLL_MS)
            for message in receive_all(socket):
                answer = codec.unpack(message[-1])
                codec.field(answer, "ok", bool)
                codec.field(answer, "text", str)
                codec.field(answer, "data", dict)
                return answer
            if not _lives(running.pid):
                raise GraphError(f"{verb}: the run ended before it answered")
    finally:
        socket.close()
        context.term()
    what = f"it goes on; see {program()} list" if is_sent else "its launcher does not take requests"
    raise GraphError(f"{verb}: no answer from run {running.run} within {timeout_s:g} s; {what}")


def _lives(pid: int) -> bool:
    """Return whether a process lives; one that has ended but was not yet waited for (a zombie) does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def wait_for_end(running: RunningGraph, timeout_s: float) -> bool:
    """Wait until the launcher of a run has ended; False when it still lives."""
    try:
        process = os.pidfd_open(running.pid)
    except ProcessLookupError:
        return True
    try:
        # Readable once the process has ended, even if its parent has not yet waited for it.
        return bool(select.select([process], [], [], timeout_s)[0])
    finally:
        os.close(process)
