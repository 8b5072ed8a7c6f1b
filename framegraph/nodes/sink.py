"""The loop around a sink: packets of each source into order, written once, then committed."""

import time
import traceback
from collections.abc import Callable
from typing import Any

import zmq

from framegraph.delivery.acknowledging import AcknowledgementLinks, SourceMessage
from framegraph.delivery.file_output import FileLane
from framegraph.delivery.order import End
from framegraph.delivery.output import OutputLane
from framegraph.delivery.transactions import TransactionLane
from framegraph.errors import PixelsGoneError, StageError, UnavailableError, text_of
from framegraph.files import NO_ROOM, NO_ROOM_STATE
from framegraph.nodes.loop import POLL_MS, NodeSetup
from framegraph.nodes.receiving import ReceivingNode
from framegraph.packet import OK, Packet
from framegraph.stage import FileSink, Sink
from framegraph.transactions import AWAY_STATE, TransactionalSink
from framegraph.wire.config import ChildConfig
from framegraph.wire.inlet import UNLIMITED_CREDIT

MAX_FAILURES_IN_A_ROW = 10
RETRY_S = 1.0
SLOW_WRITE_S = 0.02
"""A window covers many times that; if writes take longer, what is here is reported before the write."""


def make_lane(config: ChildConfig, source: str, sink: Sink[Any]) -> OutputLane[Any]:
    """Return the lane for a sink of this kind."""
    if isinstance(sink, FileSink):
        return FileLane(config, source, sink)
    if isinstance(sink, TransactionalSink):
        return TransactionLane(config, source, sink)
    return OutputLane(config, source, sink)


class SinkNode(ReceivingNode):
    """The node of a sink: one object of the stage per source, each with its own order, output and
    progress."""

    def __init__(self, place: NodeSetup, make_sink: Callable[[str], Sink[Any]]) -> None:
        super().__init__(place, UNLIMITED_CREDIT)
        config = place.config
        self._make_sink = make_sink
        self._acknowledgements = AcknowledgementLinks(place.context, config)
        self._lanes: dict[str, OutputLane[Any]] = {}
        self._failures_in_a_row = 0
        self._has_asked_to_stop = False
        for source in config.reached_by:
            self._add_lane(source, config)
        for lane in self._lanes.values():
            if lane.is_finished:
                self._report_output(lane)

    def _add_lane(self, source: str, config: ChildConfig) -> None:
        lane = self._lanes[source] = make_lane(config, source, self._make_sink(source))
        self._try(lane, lane.open)

    @property
    def sockets(self) -> "list[zmq.Socket[bytes]]":
        wakers = [waker for lane in self._lanes.values() for waker in lane.sink.wakers]
        return [*super().sockets, *self._acknowledgements.sockets, *wakers]

    def step(self, now_s: float) -> int:
        for arrived in self._arrivals():
            self._offer(arrived)
        for source, told in self._acknowledgements.receive(self.ready):
            self._told(self._lanes[source], told)
        # Sources hold back their next frames until this report. If writes are slow it is sent before the
        # write, with what was committed before; a quick sink reports received and committed together.
        is_slow = any(lane.last_write_s > SLOW_WRITE_S and lane.order.held for lane in self._lanes.values())
        if is_slow:
            self._say_have(now_s)
        more = False
        for lane in self._lanes.values():
            if now_s < lane.try_again_s or not self._is_open(lane):
                continue
            packet = lane.take() if lane.sink.is_ready else None
            if packet is not None:
                self._write(lane, packet)
                more = True
            elif lane.order.is_at_end and not lane.is_finished:
                self._finish(lane)
            elif now_s >= lane.commit_due_s():
                self._commit(lane)
        self._inlet.give_credit(now_s)
        # The last report is not delayed: what is not known to be committed is resent to a successor.
        if not (is_slow and more) or self.is_retiring or self.is_stopping:
            self._say_have(time.monotonic())
        return 0 if more else self._wait_ms(now_s)

    def _wait_ms(self, now_s: float) -> int:
        due_s = min((lane.commit_due_s() for lane in self._lanes.values()), default=float("inf"))
        return int(min(POLL_MS, max(0.0, due_s - now_s) * 1000 + 1))

    def retire(self) -> None:
        super().retire()
        for lane in self._lanes.values():
            if lane.is_open and lane.commit_due_s() < float("inf"):
                self._commit(lane)
        # This may come after the last round.
        self._say_have(time.monotonic())

    def _say_have(self, now_s: float) -> None:
        for source, lane in self._lanes.items():
            if lane.is_open:
                self._acknowledgements.say(source, lane.acknowledgement, now_s)

    def _offer(self, packet: Packet) -> None:
        lane = self._lanes.get(packet.source)
        if lane is None:
            self.counts["rejected"] += 1
            return
        packet.find_pixels = self._pool.find
        if packet.status != OK and lane.accept_gap(packet):
            return
        if packet.seq == lane.awaits_gap:
            # The report of its failure was lost with a process, so it came again instead of its GAP.
            self.bus.send("frame_failed", source=packet.source, seq=packet.seq, error=lane.gap_reason)
        elif lane.order.offer(packet):
            lane.count_received(packet)
        else:
            self.counts["repeated"] += 1

    def _told(self, lane: OutputLane[Any], told: SourceMessage) -> None:
        if isinstance(told, Packet):
            self._offer(told)
        elif isinstance(told, End):
            lane.order.end = told
        elif not lane.start_after(told.seq):
            self.fatal(
                f"{lane.describe()} lacks frames up to {told.seq} of {lane.source}: "
                "its record of progress was removed or replaced while the run was on; start the run anew"
            )

    def _write(self, lane: OutputLane[Any], packet: Packet) -> None:
        started_s = self._begin([packet])
        try:
            lane.write(packet)
        except PixelsGoneError:
            # The frame store keeps the pixels until we commit, so this was a copy from before a fault.
            lane.order.put_aside(packet)
            self.counts["stale"] += 1
            return
        except BaseException as error:  # a sink may raise anything
            if self._waits(lane, error):
                lane.order.put_back(packet)
            else:
                self._failed(lane, packet, error)
            return
        finally:
            self.page.end(1)
        self._failures_in_a_row = 0
        self._works(lane)
        if lane.sink.wants_stop and not self._has_asked_to_stop:
            self._has_asked_to_stop = True
            self.bus.send("stop_wanted")
        lane.last_write_s = self._done([packet], started_s)

    def _waits(self, lane: OutputLane[Any], error: BaseException) -> bool:
        """Return whether an error is one that passes: a full disk, a database that is away. What is here is
        then kept and tried again; the sources wait, or drop and count."""
        if isinstance(error, UnavailableError):
            text, state = str(error), AWAY_STATE
        elif isinstance(error, OSError) and error.errno in NO_ROOM:
            text, state = f"{error.strerror}; waiting for room", NO_ROOM_STATE
        else:
            return False
        if lane.waiting_state != state:
            self.log.warning("%s: %s", lane.describe(), text)
            lane.waiting_state = state
            self.bus.send("state", state=state)
        lane.try_again_s = time.monotonic() + RETRY_S
        lane.needs_going_back = lane.is_open
        return True

    def _works(self, lane: OutputLane[Any]) -> None:
        """Note that an output can be written, again if it could not."""
        if lane.waiting_state:
            was_full = lane.waiting_state == NO_ROOM_STATE
            lane.try_again_s, lane.waiting_state = 0.0, ""
            said = "there is room again" if was_full else "can be written again"
            self.log.info("%s: %s", lane.describe(), said)
            self.bus.send("state", state="running")

    def _is_open(self, lane: OutputLane[Any]) -> bool:
        """Return whether an output is open, after trying it."""
        if not lane.is_open and self._try(lane, lane.open) and lane.is_finished:
            self._report_output(lane)
        return lane.is_open

    def _try(self, lane: OutputLane[Any], action: Callable[[], None]) -> bool:
        """Return whether an action on an output was possible; other errors than of one that waits are
        raised."""
        try:
            action()
        except (OSError, UnavailableError) as error:
            if not self._waits(lane, error):
                raise
            return False
        self._works(lane)
        return True

    def _commit(self, lane: OutputLane[Any]) -> None:
        """Commit what is written; once more in a new transaction if that fails."""
        try:
            self._try(lane, lane.commit)
        except Exception as error:  # a database may raise anything
            self.log.warning("%s: %s", lane.describe(), text_of(error))
            lane.needs_going_back = True
            try:
                self._try(lane, lane.commit)
            except Exception as second:
                self.fatal(f"cannot write {lane.describe()}: {text_of(second)}")

    def _failed(self, lane: OutputLane[Any], packet: Packet, error: BaseException) -> None:
        """Try the frame once more on a file cut back to before it, then report it as failed here."""
        self.log.warning("frame %d of %s: %s", packet.seq, packet.source, text_of(error))
        try:
            lane.go_back()
            lane.write(packet)
        except BaseException as second:  # the frame stays undone: the source makes it a GAP
            self._failures_in_a_row += 1
            self.counts["exceptions"] += 1
            self.log.debug("%s", traceback.format_exc())
            text = text_of(second)
            if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW or isinstance(second, StageError):
                self.fatal(f"cannot write {lane.describe()}: {text}")
                return
            lane.go_back()
            if packet.status != OK:
                lane.skip(packet)
                return
            lane.fail(packet, text)
            self.bus.send("frame_failed", source=packet.source, seq=packet.seq, error=text)
        else:
            self._failures_in_a_row = 0

    def _finish(self, lane: OutputLane[Any]) -> None:
        self.bus.send("state", state="finishing")
        self.page.finishing(True)
        try:
            lane.finish()
        except BaseException as error:  # the output is not complete: the run has failed, and says why
            if self._waits(lane, error):
                return
            self.log.debug("%s", traceback.format_exc())
            self.fatal(f"cannot complete {lane.describe()}: {text_of(error)}")
            return
        finally:
            self.page.finishing(False)
            self.bus.send("state", state=lane.waiting_state or "running")
        self._report_output(lane)

    def _report_output(self, lane: OutputLane[Any]) -> None:
        self.bus.send("output", source=lane.source, **lane.summary())
        if all(other.is_finished for other in self._lanes.values()):
            self.report_statistics()
            self.bus.send("state", state="eos")

    def forget(self, source: str) -> None:
        self._lanes.pop(source).close()
        self._acknowledgements.disconnect(source)

    def meet(self, source: str, config: ChildConfig) -> None:
        self._add_lane(source, config)
        self._acknowledgements.connect(source, config.acknowledgement_endpoints[source])

    def take_over(self, config: ChildConfig, options: Any) -> None:
        for lane in self._lanes.values():
            lane.sink.options = options

    def statistics(self) -> dict[str, Any]:
        return {
            **self.counts,
            "waiting": sum(len(lane.order.held) for lane in self._lanes.values()),
            "rejected": self.counts["rejected"] + self._inlet.rejected + self._acknowledgements.rejected,
            "stale": self.counts["stale"] + self._inlet.stale,
            "tallies": {source: lane.tally.to_plain() for source, lane in self._lanes.items()},
        }

    def close(self) -> None:
        for lane in self._lanes.values():
            lane.close()
        self._acknowledgements.close()
        super().close()
