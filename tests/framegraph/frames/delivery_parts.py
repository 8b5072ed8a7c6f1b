"""What takes part in a delivery: replicas, sinks, and what these say."""

from dataclasses import dataclass, field

from framegraph.delivery.order import Order
from framegraph.packet import Packet
from framegraph.wire.inbox import Inbox


@dataclass
class Worker:
    """A replica: what it holds goes with it."""

    inbox: Inbox = field(default_factory=Inbox)


@dataclass
class SinkProcess:
    """A sink: `committed` is its file, all the rest goes with the process."""

    order: Order
    incarnation: int = 0
    committed: list[int] = field(default_factory=list)
    coming: list[Packet] = field(default_factory=list)
    """On their way to it, in no particular order."""


@dataclass(frozen=True)
class Acknowledgement:
    """What a sink said, on its way to the source."""

    sink: str
    incarnation: int
    committed: int
    received: tuple[int, ...]
