"""The loop of nodes with an inlet: sources that come and leave, their pixels, notes of the work."""

import time
import traceback
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import zmq

from framegraph.frames.reader import PoolReader
from framegraph.nodes.loop import NodeLoop, NodeSetup
from framegraph.packet import Packet
from framegraph.traces.recorder import BEGUN, DONE
from framegraph.wire.config import ChildConfig
from framegraph.wire.inlet import Inlet
from framegraph.wire.outlet import FORGIVE_AFTER_S


class ReceivingNode(NodeLoop):
    """The loop of a process that takes packets, `capacity` at a time."""

    def __init__(self, place: NodeSetup, capacity: int) -> None:
        super().__init__(place)
        config = place.config
        self._pool = PoolReader(place.paths.pools)
        self._inlet = Inlet(
            place.context,
            stage=config.stage,
            replica=config.replica,
            incarnation=config.incarnation,
            capacity=capacity,
            streams=config.sources,
            nonce=config.nonce,
        )
        self._connect(config)

    def _connect(self, config: ChildConfig) -> None:
        for endpoint in config.upstreams:
            self._inlet.connect(endpoint, config.weights.get(endpoint, 1))

    @property
    def sockets(self) -> "list[zmq.Socket[bytes]]":
        return self._inlet.sockets

    def _arrivals(self) -> Iterator[Packet]:
        """Yield the packets that have arrived; credit for more does not wait for their turn."""
        for arrival in self._inlet.receive(self.ready):
            self.trace.received(arrival.endpoint, arrival.packet)
            self._inlet.done(arrival.endpoint)
            yield arrival.packet

    # When the graph changes

    def relink(self, config: ChildConfig) -> None:
        # By number, not by name, which another source can get later. One that left and came back does both.
        had = {(name, self.config.sources.get(name)) for name in self.config.reached_by}
        has = {(name, config.sources.get(name)) for name in config.reached_by}
        self._inlet.streams = config.sources
        for source, _number in sorted(had - has):
            self.forget(source)
            self._pool.forget(source)
        for endpoint in set(self.config.upstreams) - set(config.upstreams):
            self._inlet.disconnect(endpoint)
        try:
            for source, _number in sorted(has - had):
                self.meet(source, config)
        except Exception as error:  # whatever it is: this stage cannot take the source
            self.log.debug("%s", traceback.format_exc())
            self.fatal(f"cannot take another source: {type(error).__name__}: {error}")
        self.take_over(config, self.new_options(config))
        self._connect(config)
        super().relink(config)

    @abstractmethod
    def forget(self, source: str) -> None:
        """Release everything of a source that has left."""

    def meet(self, source: str, config: ChildConfig) -> None:
        """Take a new source. May raise: then this stage cannot take it, which ends the run."""

    @abstractmethod
    def take_over(self, config: ChildConfig, options: Any) -> None:
        """Apply whatever else may have changed, and the stage's own properties."""

    @staticmethod
    def was_long(began_s: float) -> bool:
        """Return whether a round took so long that new packets must be received before the next credit
        message: a packet not counted in it would be taken for lost, and its room granted twice.
        """
        return time.monotonic() - began_s > FORGIVE_AFTER_S / 4

    # Work on packets, reported to the launcher and the trace

    def _begin(self, packets: list[Packet], suspects: list[Packet] | None = None) -> float:
        """Note what is worked on from now on; return the time. `page.end` has to follow whatever happens.

        suspects: the frames to suspect if the process ended now, if these are more.
        """
        started_s = time.perf_counter()
        self.page.begin(packets if suspects is None else suspects, self.config.sources)
        self.trace.note_all(BEGUN, packets)
        return started_s

    def _done(self, packets: list[Packet], started_s: float) -> float:
        """Note what was worked on, and return how long it took in seconds."""
        self.trace.note_all(DONE, packets)
        took_s = time.perf_counter() - started_s
        self.counts["busy_s"] += took_s
        self.counts["frames"] += len(packets)
        return took_s

    def command(self, command: dict[str, Any]) -> None:
        """Ignore commands: only sources have commands of their own."""

    def close(self) -> None:
        self._inlet.close()
        self._pool.close()
