"""What a node of a process is made with, for tests."""

from pathlib import Path
from typing import Any

import zmq

from framegraph.nodes.bus_client import BusClient
from framegraph.nodes.loop import NodeSetup
from framegraph.wire.config import ChildConfig, ProcessCommon, RunPaths
from framegraph.wire.sockets import bind_router
from framegraph.wire.status_page import StatusPage

DEADLINE_S = 10.0


def config_of(paths: RunPaths, stage: str, **known: Any) -> ChildConfig:
    """A config with what a test names, one source "camera" unless it names others, and nothing else."""
    known |= {"stage": stage, "replica": 0, "incarnation": 0, "is_stopping": False}
    known.setdefault("sources", {"camera": 0})
    known.setdefault("common", ProcessCommon())
    known.setdefault("reached_by", list(known["sources"]))
    known.setdefault(
        "acknowledgement_endpoints",
        {source: paths.acknowledgements(source) for source in known["reached_by"]},
    )
    empty = {"str": "", "int": 1, "dict[str, Any] | None": None}
    for name, kind in ChildConfig.__annotations__.items():
        if name not in known and not hasattr(ChildConfig, name):
            known[name] = empty.get(kind, [] if kind.startswith("list") else {})
    return ChildConfig(**known)


class Surroundings:
    """A run's folder, a launcher's end of the bus, and the place of one process in them."""

    def __init__(self, folder: Path, stage: str, **known: Any) -> None:
        self.paths = RunPaths(str(folder))
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.bus = bind_router(self.context, self.paths.bus)
        self.client = BusClient(self.context, self.paths.bus, f"{stage}.0#0")
        self.page = StatusPage(folder / "status")
        self.place = NodeSetup(
            context=self.context,
            config=config_of(self.paths, stage, **known),
            paths=self.paths,
            bus=self.client,
            page=self.page,
        )

    def close(self, *parts: Any) -> None:
        """Close `parts`, what uses the context, in this order, and then what is here."""
        for part in (*parts, self.client.socket, self.bus):
            part.close()
        self.context.term()
