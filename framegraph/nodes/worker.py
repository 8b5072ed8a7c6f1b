"""The loop around a worker stage: it receives packets by credit and sends one answer for each by credit."""

import math
import time
import traceback
from collections import deque
from typing import Any

import zmq

from framegraph.errors import PixelsGoneError, text_of
from framegraph.nodes.header import Header, given_back
from framegraph.nodes.loop import POLL_MS, NodeSetup
from framegraph.nodes.receiving import ReceivingNode
from framegraph.packet import Packet
from framegraph.stage import Stage
from framegraph.wire import codec
from framegraph.wire.config import ChildConfig
from framegraph.wire.inbox import Inbox
from framegraph.wire.inlet import Arrival
from framegraph.wire.outlet import Frames, Outlet

MAX_FAILURES_IN_A_ROW = 10
"""Limit of failed frames in a row: after that the stage is broken, not the frames."""


AHEAD_S = 0.004
MAX_AHEAD = 8
"""The most work that waits here in addition to what is worked on, at least one packet: a quick stage then
takes several packets per wake-up, and a slow replica does not hoard what another could process sooner."""

Answer = tuple[Packet, Frames]


class WorkerNode(ReceivingNode):
    """The node of one replica of a worker stage."""

    def __init__(self, place: NodeSetup, stage: Stage[Any]) -> None:
        config = place.config
        self._batch = config.common.batch
        super().__init__(place, self._batch + 1)
        self._stage = stage
        self._batch_wait_s = config.common.batch_wait
        self._inbox = Inbox(config.priorities)
        self._outlet = Outlet(
            place.context, config.outlet, config.incarnation, config.consumers, config.nonce
        )
        self._gather_until_s = float("inf")
        self._service_s = AHEAD_S
        self._failures_in_a_row = 0
        self._recent_errors: deque[str] = deque(maxlen=3)
        self._unsent: list[Packet] = []
        """Worked on and not yet sent: any of them may be the reason if the process ends now."""

    @property
    def sockets(self) -> "list[zmq.Socket[bytes]]":
        return [*super().sockets, *self._outlet.sockets]

    def step(self, now_s: float) -> int:
        """Do one round: receive, work for at most AHEAD_S or on one batch, send."""
        if self._outlet.sockets:
            # Answers that waited for credit do not wait for new work as well.
            self.send_on(self._outlet, now_s)
        self._receive()
        while (
            not self.is_stopping and not self._wait_for_batch_s() and (batch := self._inbox.take(self._batch))
        ):
            self._gather_until_s = float("inf")
            self._work(batch)
            if time.monotonic() - now_s > AHEAD_S:
                break
        if self.was_long(now_s):
            self.ready = None
            self._receive()
        self._inlet.give_credit(now_s)
        self.send_on(self._outlet, time.monotonic())
        if self._unsent:
            self.page.end(len(self._unsent))
            self._unsent = []
        if len(self._inbox) == 0:
            return POLL_MS
        return min(POLL_MS, math.ceil(self._wait_for_batch_s() * 1000))

    def _wait_for_batch_s(self) -> float:
        """Return how much longer to wait for a fuller batch, 0: no longer; packets of any source count."""
        if not self._batch_wait_s or self.is_retiring or not 0 < len(self._inbox) < self._batch:
            return 0.0
        now_s = time.monotonic()
        self._gather_until_s = min(self._gather_until_s, now_s + self._batch_wait_s)
        return max(0.0, self._gather_until_s - now_s)

    def _receive(self) -> None:
        for arrival in self._inlet.receive(self.ready):
            arrival.packet.find_pixels = self._pool.find
            self.trace.received(arrival.endpoint, arrival.packet)
            for gone in self._inbox.put(arrival):
                self._inlet.done(gone.endpoint)
                self.counts["stale"] += 1

    def _work(self, batch: list[Arrival]) -> None:
        packets = [arrival.packet for arrival in batch]
        self._unsent += packets
        started_s = self._begin(packets, self._unsent)
        answers = self._answers(batch)
        self._make_room(self._done(packets, started_s) / len(batch))
        for answer, frames in answers:
            self._outlet.put(answer, frames)
        for arrival in batch:
            self._inlet.done(arrival.endpoint)

    def _make_room(self, service_s: float) -> None:
        """Set how many packets to accept ahead by the last frames' service time; a slow frame counts at
        once, because all of them would wait behind it.
        """
        self._service_s = max(service_s, self._service_s * 7 / 8)
        ahead = min(MAX_AHEAD, max(1, int(AHEAD_S / self._service_s)))
        self._inlet.capacity = self._batch + ahead
        # While more than half of what waits here is still to do, no credit is needed for the other half.
        self._inlet.credit_step = max(1, ahead // 2)

    def _answers(self, batch: list[Arrival]) -> list[Answer]:
        try:
            answers = self._process([arrival.packet for arrival in batch])
        except BaseException:  # a stage may raise anything, KeyboardInterrupt too: each frame is tried alone
            self._recent_errors.append(traceback.format_exc())
            return [answer for arrival in batch for answer in self._alone(arrival)]
        self._failures_in_a_row = 0
        return answers

    def _process(self, packets: list[Packet]) -> list[Answer]:
        headers = [Header.of(packet) for packet in packets]
        try:
            answers = self._stage.process_batch(packets)
        except PixelsGoneError:
            if len(packets) == 1:
                # Its frame was committed meanwhile, or comes again: this copy needs no answer.
                self.counts["stale"] += 1
                return []
            raise
        given_back(headers, packets, answers)
        # Encoded here, because an answer that cannot be sent is this stage's fault.
        return [(answer, codec.encode_packet(answer)) for answer in answers]

    def _alone(self, arrival: Arrival) -> list[Answer]:
        """Try one frame again from its bytes, because the first try may have half changed it."""
        packet = codec.decode_packet(arrival.frames)
        packet.find_pixels = self._pool.find
        self.page.begin([packet], self.config.sources)
        try:
            answers = self._process([packet])
        except BaseException as error:  # whatever it is: this frame fails, the stage goes on
            self._fail(packet, error)
            return []
        self._failures_in_a_row = 0
        return answers

    def _fail(self, packet: Packet, error: BaseException) -> None:
        self._failures_in_a_row += 1
        self.counts["exceptions"] += 1
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{text_of(error)} ({where.filename}:{where.lineno})"
        self.log.warning("frame %d of %s failed twice: %s", packet.seq, packet.source, text)
        self.bus.send("frame_failed", source=packet.source, seq=packet.seq, error=text)
        if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            self.fatal(f"{self._failures_in_a_row} frames in a row failed, the last with {text}")

    @property
    def is_drained(self) -> bool:
        return len(self._inbox) == 0 and self._inlet.has_left and self._outlet.has_delivered

    def retire(self) -> None:
        super().retire()
        self._inlet.leave()

    def forget(self, source: str) -> None:
        for gone in self._inbox.forget(source):
            self._inlet.done(gone.endpoint)
        self._outlet.forget(source)

    def take_over(self, config: ChildConfig, options: Any) -> None:
        self._inbox.priorities = config.priorities
        self._outlet.relink(config.consumers)
        self._batch_wait_s = config.common.batch_wait
        self._stage.options = options

    def statistics(self) -> dict[str, Any]:
        return {
            **self.counts,
            "stale": self.counts["stale"] + self._inlet.stale,
            "waiting": len(self._inbox) + self._outlet.waiting,
            "rejected": self._inlet.rejected + self._outlet.rejected,
            "packets_sent": self._outlet.packets_sent,
            "bytes_sent": self._outlet.bytes_sent,
        }

    def close(self) -> None:
        self._stage.close()
        self._outlet.close()
        super().close()
