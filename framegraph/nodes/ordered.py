"""The loop around an ordered stage: packets of each source in order, each answer journalled, then sent."""

import time
import traceback
from collections.abc import Callable
from typing import Any

import zmq

from framegraph.delivery.acknowledging import Acknowledgement, AcknowledgementLinks, StartAfter
from framegraph.delivery.journal import Journal
from framegraph.delivery.lane import Lane
from framegraph.delivery.order import End
from framegraph.errors import PixelsGoneError, text_of
from framegraph.nodes.header import Header, given_back
from framegraph.nodes.loop import POLL_MS, NodeSetup
from framegraph.nodes.receiving import ReceivingNode
from framegraph.packet import OK, Packet
from framegraph.stage import Ordered
from framegraph.wire import codec
from framegraph.wire.config import ChildConfig
from framegraph.wire.inlet import UNLIMITED_CREDIT
from framegraph.wire.outlet import Outlet

MAX_FAILURES_IN_A_ROW = 10


class OrderedLane(Lane):
    """One source's path through an ordered stage: its order, its memory, its journal."""

    def __init__(self, stage: Ordered[Any], journal: Journal, highest_id: int) -> None:
        last = journal.last
        super().__init__(last["seq"] if last else -1)
        self.stage = stage
        self.journal = journal
        stage.highest_id = last["highest_id"] if last is not None else highest_id
        if last is not None:
            stage.recall(journal.metas)

    @property
    def acknowledgement(self) -> Acknowledgement:
        return Acknowledgement(self.order.last_seq, self.received, self.order.is_at_end)

    def remember(self, packet: Packet) -> None:
        """Journal an answer, or that a frame was a GAP."""
        self.journal.append(
            {
                "seq": packet.seq,
                "is_gap": packet.status != OK,
                "highest_id": self.stage.highest_id,
                "meta": packet.meta if packet.status == OK else {},
            }
        )

    def close(self) -> None:
        self.stage.close()
        self.journal.close()


class OrderedNode(ReceivingNode):
    """The node of one replica of an ordered stage, with the sources dealt to it."""

    def __init__(self, place: NodeSetup, make_stage: Callable[[str], Ordered[Any]]) -> None:
        super().__init__(place, UNLIMITED_CREDIT)
        context, config = place.context, place.config
        self._make_stage = make_stage
        self._outlet = Outlet(context, config.outlet, config.incarnation, config.consumers, config.nonce)
        self._acknowledgements = AcknowledgementLinks(context, config)
        self._paths = place.paths
        self._lanes = {source: self._lane(config, source) for source in config.reached_by}
        self._failures_in_a_row = 0

    def _lane(self, config: ChildConfig, source: str) -> OrderedLane:
        journal = Journal(self._paths.journal(config.stage, source), config.keep[source])
        return OrderedLane(self._make_stage(source), journal, config.highest_ids.get(source, 0))

    @property
    def sockets(self) -> "list[zmq.Socket[bytes]]":
        return [*super().sockets, *self._outlet.sockets, *self._acknowledgements.sockets]

    def step(self, now_s: float) -> int:
        if self._outlet.sockets:
            self.send_on(self._outlet, now_s)
        for arrived in self._arrivals():
            self._offer(arrived)
        for source, told in self._acknowledgements.receive(self.ready):
            self._told(self._lanes[source], told)
        more = False
        for lane in self._lanes.values():
            packet = lane.take()
            if packet is not None:
                self._answer(lane, packet)
                more = True
        self._inlet.give_credit(now_s)
        for source, lane in self._lanes.items():
            self._acknowledgements.say(source, lane.acknowledgement, time.monotonic())
        self.send_on(self._outlet, time.monotonic())
        return 0 if more else POLL_MS

    def _offer(self, packet: Packet) -> None:
        lane = self._lanes.get(packet.source)
        if lane is None:
            self.counts["rejected"] += 1
            return
        packet.find_pixels = self._pool.find
        if packet.seq == lane.awaits_gap:
            # The report of its failure was lost with a process, so it came again instead of its GAP.
            self.bus.send("frame_failed", source=packet.source, seq=packet.seq, error=lane.gap_reason)
            return
        if lane.order.offer(packet):
            return
        self.counts["repeated"] += 1
        known = lane.journal.find(packet.seq)
        if known is not None and not known["is_gap"]:
            packet.meta = known["meta"]
            packet.highest_ids[self.config.stage] = known["highest_id"]
            self._outlet.put(packet, codec.encode_packet(packet))

    def _told(self, lane: OrderedLane, told: Packet | End | StartAfter) -> None:
        if isinstance(told, Packet):
            if not lane.accept_gap(told):
                lane.order.offer(told)
        elif isinstance(told, End):
            lane.order.end = told
        else:
            lane.start_after(told.seq)

    def _answer(self, lane: OrderedLane, packet: Packet) -> None:
        if packet.status != OK:
            lane.stage.gap(packet)
            lane.remember(packet)
            return
        started_s = self._begin([packet])
        header = Header.of(packet)
        try:
            answer = lane.stage.process(packet)
            given_back([header], [packet], [answer])
            answer.highest_ids[self.config.stage] = lane.stage.highest_id
            frames = codec.encode_packet(answer)
            lane.remember(answer)
        except PixelsGoneError:
            lane.order.put_aside(packet)
            self.counts["stale"] += 1
            return
        except BaseException as error:  # a stage may raise anything; a half-changed memory gets no second try
            self._fail(lane, packet, error)
            return
        finally:
            self.page.end(1)
        self._failures_in_a_row = 0
        self._done([packet], started_s)
        self._outlet.put(answer, frames)

    def _fail(self, lane: OrderedLane, packet: Packet, error: BaseException) -> None:
        self._failures_in_a_row += 1
        self.counts["exceptions"] += 1
        self.log.debug("%s", traceback.format_exc())
        text = text_of(error)
        self.log.warning("frame %d of %s failed: %s", packet.seq, packet.source, text)
        lane.fail(packet, text)
        self.bus.send("frame_failed", source=packet.source, seq=packet.seq, error=text)
        if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            self.fatal(f"{self._failures_in_a_row} frames in a row failed, the last with {text}")

    @property
    def is_drained(self) -> bool:
        return self._outlet.waiting == 0

    def statistics(self) -> dict[str, Any]:
        return {
            **self.counts,
            "waiting": sum(len(lane.order.held) for lane in self._lanes.values()) + self._outlet.waiting,
            "rejected": self.counts["rejected"]
            + self._inlet.rejected
            + self._outlet.rejected
            + self._acknowledgements.rejected,
            "stale": self.counts["stale"] + self._inlet.stale,
            "packets_sent": self._outlet.packets_sent,
            "bytes_sent": self._outlet.bytes_sent,
        }

    def forget(self, source: str) -> None:
        self._lanes.pop(source).close()
        self._acknowledgements.disconnect(source)
        self._outlet.forget(source)

    def meet(self, source: str, config: ChildConfig) -> None:
        self._lanes[source] = self._lane(config, source)
        self._acknowledgements.connect(source, config.acknowledgement_endpoints[source])

    def take_over(self, config: ChildConfig, options: Any) -> None:
        for lane in self._lanes.values():
            lane.stage.options = options
        self._outlet.relink(config.consumers)

    def close(self) -> None:
        for lane in self._lanes.values():
            lane.close()
        self._outlet.close()
        self._acknowledgements.close()
        super().close()
