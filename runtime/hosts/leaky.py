"""The loop around a leaky sink: the newest packets to the stage; nobody waits for it."""

import functools
import time
import traceback

import zmq

from runtime.custody.reader import PoolReader
from runtime.errors import PixelsGoneError
from runtime.hosts.config import ChildConfig
from runtime.hosts.loop import POLL_MS, HostLoop, Place
from runtime.hosts.relink import relink
from runtime.packet import Image, Packet, PixelHandle
from runtime.stage import LeakySink
from runtime.trace.recorder import BEGUN, DONE
from runtime.wire.inlet import Inlet


class LeakyHost(HostLoop):
    """Runs a leaky sink. Custody does not wait for it, so a frame's slot may be reused while it reads."""

    def __init__(self, place: Place, stage: LeakySink) -> None:
        super().__init__(place)
        config = place.config
        self._stage = stage
        self._pool = PoolReader(place.paths.pools)
        self._inlet = Inlet(
            place.context,
            stage=config.stage,
            replica=config.replica,
            incarnation=config.incarnation,
            capacity=config.common["max_size_buffers"],
            streams=config.sources,
        )
        for endpoint in config.upstreams:
            self._inlet.connect(endpoint)
        self._shown: dict[str, int] = {}

    @property
    def sockets(self) -> "list[zmq.Socket[bytes]]":
        return self._inlet.sockets

    def step(self, now_s: float) -> int:
        for arrival in self._inlet.receive(self.ready):
            self._inlet.done(arrival.endpoint)
            if self._is_news(arrival.packet):
                self.trace.received(arrival.endpoint, arrival.packet)
                self._show(arrival.packet)
        self._inlet.give_credit(time.monotonic())
        return POLL_MS

    def _is_news(self, packet: Packet) -> bool:
        """False for a frame that was sent again for others."""
        if packet.seq <= self._shown.get(packet.source, -1):
            self.counts["repeated"] += 1
            return False
        self._shown[packet.source] = packet.seq
        return True

    def _show(self, packet: Packet) -> None:
        packet.find_pixels = functools.partial(self._copy, packet)
        started_s = time.perf_counter()
        self.page.begin([packet], self.config.sources)
        self.trace.note(BEGUN, *packet.key)
        try:
            self._stage.process(packet)
        except PixelsGoneError:
            self.counts["stale"] += 1
            return
        except Exception as error:  # a stage may raise anything; nobody but its viewers misses the frame
            if not self.counts["exceptions"]:
                self.log.warning("frame %d of %s: %r", packet.seq, packet.source, error)
            self.counts["exceptions"] += 1
            self.log.debug("%s", traceback.format_exc())
            return
        finally:
            self.page.end(1)
        self.trace.note(DONE, *packet.key)
        self.counts["busy_s"] += time.perf_counter() - started_s
        self.counts["frames"] += 1

    def _copy(self, packet: Packet, handle: PixelHandle) -> Image:
        """Copy the pixels, and look afterwards whether they were still this frame's."""
        image_bgr = self._pool.find(handle).copy()
        if not self._pool.is_valid(handle):
            raise PixelsGoneError(f"slot {handle.slot} of {handle.pool} was reused while it was read")
        packet.pixels = image_bgr
        return image_bgr

    def relink(self, config: ChildConfig) -> None:
        change = relink(self.config, config)
        self._inlet.streams = config.sources
        for source in change.gone_sources:
            self._shown.pop(source, None)
            self._pool.forget(source)
        for endpoint in change.gone_upstreams:
            self._inlet.disconnect(endpoint)
        for endpoint in change.new_upstreams:
            self._inlet.connect(endpoint)
        self._stage.options = self.new_options(config)
        self._stage.take_sources(tuple(config.reached_by))
        super().relink(config)

    def command(self, command: dict[str, object]) -> None:
        """A leaky sink knows no command of its own."""

    def statistics(self) -> dict[str, float]:
        return {**self.counts, "rejected": self._inlet.rejected}

    def close(self) -> None:
        self._stage.close()
        self._inlet.close()
        self._pool.close()
