"""The main program of a child process, after `framegraph.nodes.process`: STAGE.REPLICA …, started by the
launcher.

Run in the child only. It asks the launcher for its part of the graph, opens its stage and runs the matching
node. Exit status: 0 stopped when told to, 1 the stage cannot continue, 3 it could not be opened.
"""

import argparse
import contextlib
import ctypes
import dataclasses
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import zmq

from framegraph.errors import GraphError, StageError, text_of
from framegraph.graph.registry import find_stage
from framegraph.nodes.bus_client import BusClient, BusLogHandler
from framegraph.nodes.loop import NodeLoop, NodeSetup
from framegraph.nodes.process import end_with
from framegraph.properties import read_options
from framegraph.stage import Context, LeakySink, Ordered, Sink, Source, Stage
from framegraph.support import secrets
from framegraph.support.own_process import no_core_dumps
from framegraph.wire.config import BUS_TOKEN, ChildConfig, RunPaths
from framegraph.wire.status_page import StatusPage

COULD_NOT_OPEN = 3
StageT = TypeVar("StageT", bound=Stage[Any])
_PR_SET_NAME = 15


def main() -> int:
    parser = argparse.ArgumentParser(description="one process of a run; started by launcher.py")
    parser.add_argument("name", help="STAGE.REPLICA")
    parser.add_argument("--run", required=True, help="the run folder")
    parser.add_argument("--incarnation", type=int, required=True)
    parser.add_argument("--launcher", type=int, required=True, help="process id to die with")
    arguments = parser.parse_args()
    _die_with(arguments.launcher, arguments.name)
    stage, _dot, replica = arguments.name.rpartition(".")
    paths = RunPaths(arguments.run)
    page = StatusPage(Path(paths.status(stage, int(replica))))
    page.start(arguments.incarnation)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    token = os.environ.pop(BUS_TOKEN)
    bus = BusClient(context, paths.bus, f"{arguments.name}#{arguments.incarnation}#{token}")
    logging.basicConfig(level=logging.DEBUG, handlers=[BusLogHandler(bus)])
    try:
        config = ChildConfig.from_plain(bus.fetch_config())
        _hide_secrets(config)
        node = _open(NodeSetup(context=context, config=config, paths=paths, bus=bus, page=page))
    except BaseException as error:  # whatever stops it: the launcher must know why, and not try again
        if not isinstance(error, (StageError, GraphError)):
            sys.stderr.write(secrets.redact(traceback.format_exc()))
        bus.send("error", text=_sentence(error))
        _send_rest(bus)
        return COULD_NOT_OPEN
    status = node.run()
    _send_rest(bus)
    if node.has_waiting_thread:
        # It is inside a library, waiting for its input: nothing here needs it any more.
        context.term()
        os._exit(status)
    return status


def _die_with(launcher_pid: int, name: str) -> None:
    """Set a name for `ps`, and end when the launcher ends, however it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    end_with(launcher_pid)
    no_core_dumps()
    use_batch_scheduling()
    # A terminal's Ctrl-C or hang-up, or a service's stop of all its processes, is the launcher's to answer.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def use_batch_scheduling() -> None:
    """Set SCHED_BATCH: a process that wakes up does not preempt a running one. When all cores are busy, this
    means fewer switches, warmer caches and several packets per wake-up; a free core is still used at once."""
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        # The launcher was given another policy (chrt, systemd), which its processes keep.
        return
    # Sandboxes forbid it, or know only the default policy: the run is the same, but somewhat slower.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _hide_secrets(config: ChildConfig) -> None:
    """Learn the passwords of the graph, so that no log shows them."""
    secrets.learn_all(config.secrets)
    secrets.learn(config.options)


def _open(place: NodeSetup) -> NodeLoop:
    config = place.config
    cls = find_stage(config.type, Path(config.graph_folder))
    options: object = read_options(cls.Options, config.options)
    stage_context = Context(
        name=config.stage,
        run=config.run,
        replica=config.replica,
        device=config.device,
        threads=config.threads,
        batch=config.common.batch,
        sources=tuple(config.reached_by),
        log=logging.getLogger(config.stage),
    )
    # Each imports only its own node: eight processes that start at once share few cores.
    if issubclass(cls, Sink):
        from framegraph.nodes.sink import SinkNode

        return SinkNode(place, _maker(cls, options, stage_context))
    if issubclass(cls, Ordered):
        from framegraph.nodes.ordered import OrderedNode

        return OrderedNode(place, _maker(cls, options, stage_context))
    stage = cls(options, stage_context)
    stage.open()
    if isinstance(stage, Source):
        from framegraph.nodes.source import SourceNode

        return SourceNode(place, stage)
    if isinstance(stage, LeakySink):
        from framegraph.nodes.leaky import LeakyNode

        return LeakyNode(place, stage)
    from framegraph.nodes.worker import WorkerNode

    return WorkerNode(place, stage)


def _maker(cls: type[StageT], options: object, context: Context) -> Callable[[str], StageT]:
    """Return a function that makes and opens one object of the stage for a given source."""

    def make(source: str) -> StageT:
        stage = cls(options, dataclasses.replace(context, source=source))
        stage.open()
        return stage

    return make


def _sentence(error: BaseException) -> str:
    return str(error) if isinstance(error, (StageError, GraphError)) else text_of(error)


def _send_rest(bus: BusClient) -> None:
    """Give the last messages time to leave: a closing socket does not wait."""
    bus.flush()
    bus.socket.setsockopt(zmq.LINGER, 500)
    bus.socket.close()


if __name__ == "__main__":
    sys.exit(main())
