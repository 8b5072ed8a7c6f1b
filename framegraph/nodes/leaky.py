"""The loop around a leaky sink: it gets the newest packets, and nothing waits for it."""

import functools
import time
import traceback
from typing import Any

from framegraph.delivery.marks import conceal_unmarked
from framegraph.errors import PixelsGoneError, text_of
from framegraph.nodes.loop import POLL_MS, NodeSetup
from framegraph.nodes.receiving import ReceivingNode
from framegraph.packet import Image, Packet, PixelHandle
from framegraph.stage import LeakySink
from framegraph.wire.config import ChildConfig
from framegraph.wire.inlet import Arrival


class LeakyNode(ReceivingNode):
    """The node of a leaky sink. No source waits for it, so a frame's slot may be reused while it reads."""

    def __init__(self, place: NodeSetup, stage: LeakySink[Any]) -> None:
        super().__init__(place, place.config.common.max_size_buffers)
        self._stage = stage
        self._shown: dict[str, int] = {}
        self._early: list[Arrival] = []

    def step(self, now_s: float) -> int:
        arrivals = self._early + self._inlet.receive(self.ready)
        for arrival in arrivals:
            self._inlet.done(arrival.endpoint)
            if self._is_news(arrival.packet):
                self.trace.received(arrival.endpoint, arrival.packet)
                self._show(arrival.packet)
        self._early = self._inlet.receive() if self.was_long(now_s) else []
        self._inlet.give_credit(time.monotonic())
        return 0 if self._early else POLL_MS

    def _is_news(self, packet: Packet) -> bool:
        """Return False for a frame that was resent for others."""
        if packet.seq <= self._shown.get(packet.source, -1):
            self.counts["repeated"] += 1
            return False
        self._shown[packet.source] = packet.seq
        return True

    def _show(self, packet: Packet) -> None:
        packet.find_pixels = functools.partial(self._copy, packet)
        started_s = self._begin([packet])
        try:
            if conceal_unmarked(self._stage, packet):
                if not self.counts["concealed"]:
                    self.log.warning(
                        "frame %d of %s came without a mark that %s requires: concealed",
                        *(packet.seq, packet.source, self.config.stage),
                    )
                self.counts["concealed"] += 1
            self._stage.process(packet)
        except PixelsGoneError:
            self.counts["stale"] += 1
            return
        except BaseException as error:  # a stage may raise anything; only its viewers miss the frame
            if not self.counts["exceptions"]:
                self.log.warning("frame %d of %s: %s", packet.seq, packet.source, text_of(error))
            self.counts["exceptions"] += 1
            self.log.debug("%s", traceback.format_exc())
            return
        finally:
            self.page.end(1)
        self._done([packet], started_s)

    def _copy(self, packet: Packet, handle: PixelHandle) -> Image:
        """Copy the pixels, then check that they were still this frame's."""
        payload = self._pool.find(handle).copy()
        if not self._pool.is_valid(handle):
            raise PixelsGoneError(f"slot {handle.slot} of {handle.pool} was reused while it was read")
        packet.pixels = payload
        return payload

    def forget(self, source: str) -> None:
        self._shown.pop(source, None)

    def take_over(self, config: ChildConfig, options: Any) -> None:
        self._stage.options = options
        self._stage.take_sources(tuple(config.reached_by))

    def statistics(self) -> dict[str, float]:
        return {**self.counts, "rejected": self._inlet.rejected}

    def close(self) -> None:
        self._stage.close()
        super().close()
