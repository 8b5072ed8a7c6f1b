"""The loop around a source: it stores frames and sends them by credit and window until every sink has
them."""

import dataclasses
import time
from pathlib import Path
from typing import Any

from framegraph.delivery.acknowledgers import Acknowledgers, ReceivedAcknowledgement
from framegraph.delivery.order import End
from framegraph.delivery.quarantine import keep_frame
from framegraph.errors import one_sentence
from framegraph.frames.capture import Capture
from framegraph.frames.dispatch import Dispatch
from framegraph.frames.layout import REASONS
from framegraph.frames.store import FrameStore
from framegraph.nodes.frame_store_place import FrameStorePlace
from framegraph.nodes.loop import POLL_MS, NodeLoop, NodeSetup
from framegraph.packet import OK, Packet
from framegraph.stage import Source
from framegraph.traces.recorder import CAPTURED
from framegraph.wire import codec
from framegraph.wire.config import ChildConfig
from framegraph.wire.outlet import Outlet

KILLS_PER_ATTEMPT = 5
"""A kill from outside is most likely not the frame's fault, so this many count as one of its `max-attempts`:
a frame that takes seconds survives a series of kills, and one that makes its stage kill itself is still
given up."""


class SourceNode(NodeLoop):
    """The node of a source: it owns every frame from capture until all sinks have committed it."""

    def __init__(self, place: NodeSetup, stage: Source[Any]) -> None:
        super().__init__(place)
        context, config, paths = place.context, place.config, place.paths
        common = config.common
        self._stage = stage
        self._place = FrameStorePlace(config, paths)
        # Frames that are out must leave slots for those that wait, or a live source would have no slot for
        # the next.
        self._kept_free = common.max_size_buffers
        self._take_over(config)
        self._outlet = Outlet(context, config.outlet, config.incarnation, config.consumers, config.nonce)
        self._acknowledgers = Acknowledgers(
            context, config.acknowledgement_endpoints[config.stage], config.acknowledgers, config.nonce
        )
        self._dispatch = Dispatch(
            sinks=config.acknowledgers, window=common.window, resend_after_s=common.resend_after
        )
        self._eos_cause = "finished"
        self._flush_at_s = float("inf")
        self._is_finished = False
        self._source_error = ""
        adopted = self._adopt()
        self._capture = Capture(
            stage,
            lambda frame: self._place.make(frame.payload.nbytes if frame is not None else 0),
            adopted,
            resume=adopted.resume if adopted is not None else None,
            max_waiting=common.max_size_buffers,
            page=self.page,
            deadly_seq=config.deadly_seq,
        )
        if config.is_stopping:
            self._stop_capturing("stopped", self._drain_s)
        self._capture.start()

    def _adopt(self) -> FrameStore | None:
        """Adopt what a dead process of this source left: same frames, same slots, all resent."""
        store = self._place.find()
        for seq in store.out() if store is not None else ():
            assert store is not None
            self._dispatch.sent(seq)
            if store.status(seq) != OK:
                self._dispatch.gave_up(seq)
            else:
                store.send_again(seq)
                self._put(store.packet(seq, store.out()[0]))
        return store

    def _take_over(self, config: ChildConfig) -> None:
        """The properties that may change while this runs."""
        self._max_attempts = config.common.max_attempts
        self._max_latency_s = config.common.max_latency
        self._drain_s = config.common.drain

    def relink(self, config: ChildConfig) -> None:
        self._take_over(config)
        self._dispatch.window = config.common.window
        self._stage.options = self.new_options(config)
        self._outlet.relink(config.consumers)
        super().relink(config)

    # The loop

    @property
    def sockets(self) -> list[Any]:
        return [*self._outlet.sockets, self._acknowledgers.socket, self._capture.wake]

    def step(self, now_s: float) -> int:
        if self.may_read(self._capture.wake):
            self._capture.clear_wake()
        self.page.alive_until(self._stage.alive_until_s)
        heard = self._acknowledgers.receive() if self.may_read(self._acknowledgers.socket) else []
        released = [
            seq
            for one in heard
            for seq in self._dispatch.record_acknowledgement(
                one.name, one.incarnation, one.committed, one.received
            )
        ]
        # Read before the frame store's contents: a frame captured in between must not come after the EOS.
        is_captured = self._capture.is_done
        store = self._capture.store
        if store is not None:
            with self._capture.lock:
                self._release(store, released)
                self._flush_when_due(store, now_s)
                self._dispatch_frames(store, now_s)
                self._update_acknowledgers(store, heard, now_s)
                is_drained = store.in_store == 0
        else:
            is_drained = True
        for _source, seq in self.send_on(self._outlet, time.monotonic()):
            self._dispatch.left(seq, time.monotonic())
        if is_captured and is_drained and not self._is_finished:
            self._end(now_s)
        return POLL_MS

    def _release(self, store: FrameStore, released: list[int]) -> None:
        for seq in released:
            store.release(seq)
            self.page.progressed(1)
            self._outlet.discard((self.config.stage, seq))
        if released:
            self._capture.has_room_again()

    def _dispatch_frames(self, store: FrameStore, now_s: float) -> None:
        for seq in store.waiting():
            if not self._dispatch.has_window or len(store.out()) >= store.slots - self._kept_free:
                break
            if self._max_latency_s and self._stage.plays_live and store.age_s(seq) > self._max_latency_s:
                store.drop(seq, "late")
                continue
            store.send(seq)
            self._dispatch.sent(seq)
            packet = store.packet(seq, self._dispatch.floor_seq(seq))
            self.trace.note(CAPTURED, *packet.key, packet.capture_time_ns)
            self._put(packet)
            self.counts["frames"] += 1
            self._capture.has_room_again()
        # While frames wait for the window, another one changes nothing.
        self._capture.is_awaited = not store.waiting()
        for seq, alone in self._dispatch.due(now_s):
            store.send_again(seq)
            self.counts["resent"] += 1
            packet = store.packet(seq, self._dispatch.floor_seq(seq))
            packet.alone = alone
            self._put(packet)

    def _put(self, packet: Packet) -> None:
        if packet.attempt:
            self.trace.watch(*packet.key)
        self._outlet.put(packet, codec.encode_packet(packet))

    # Start, GAP and EOS, straight to the acknowledgers

    def _update_acknowledgers(
        self, store: FrameStore, heard: list[ReceivedAcknowledgement], now_s: float
    ) -> None:
        for one in heard:
            # Without a file of its own it cannot know after a death how far it was.
            if one.committed < store.over_seq:
                self._acknowledgers.tell_start(one.name, store.over_seq)
        if not self._dispatch.has_gaps:
            return
        for name in self._acknowledgers.known:
            gaps = [store.packet(seq, self._dispatch.floor_seq(seq)) for seq in self._dispatch.gaps_for(name)]
            self._acknowledgers.tell_gaps(name, gaps, now_s)

    def _end(self, now_s: float) -> None:
        """Send the EOS to the sinks until each has finished its output: every captured frame has its
        outcome."""
        if self._acknowledgers.have_all_ended:
            self._is_finished = True
            self.bus.send(
                "eos",
                cause=self._eos_cause,
                error=self._source_error,
                skipped=dict(self._stage.skipped),
                health=self._health(),
            )
            return
        if self._capture.error is not None and not self._source_error:
            self._source_error = one_sentence(self._capture.error)
            self._eos_cause = "error"
            self.bus.send("source_error", text=self._source_error)
        store = self._capture.store
        told = store.told() if store is not None else []
        end = End(
            last_seq=store.last_sent_seq if store is not None else -1,
            cause=self._eos_cause,
            dropped=tuple((first, last, REASONS[reason]) for first, last, reason in told),
        )
        self._acknowledgers.tell_end(end, now_s)

    # Commands of the launcher

    def command(self, command: dict[str, Any]) -> None:
        kind = command.get("kind")
        if kind == "eos":
            self._stop_capturing(command["cause"], command["drain_s"])
        elif kind == "worker_died":
            self._outlet.remove_peer(command["stage"], command["replica"], command["incarnation"])
            self._worker_died(command["stage"], command["seqs"], command["is_alone"], command["is_kill"])
        elif kind == "acknowledger_lost":
            self._lose(command["stage"])
        elif kind == "frame_failed":
            self._frame_failed(command["stage"], command["seq"], command["error"])

    def _stop_capturing(self, cause: str, drain_s: float) -> None:
        self._eos_cause = cause
        self._capture.stop()
        self._flush_at_s = min(self._flush_at_s, time.monotonic() + drain_s)

    def _worker_died(self, stage: str, seqs: list[int], is_alone: bool, is_kill: bool) -> None:
        """is_alone: it was not working on a frame of another source either. is_kill: it was killed from
        outside."""
        self._dispatch.worker_died(seqs)
        alone = self._dispatch.was_alone(seqs) if is_alone else None
        store = self._capture.store
        if alone is None or store is None:
            return
        with self._capture.lock:
            deaths, kills = store.count_death(alone, is_kill=is_kill)
        if deaths + kills / KILLS_PER_ATTEMPT >= self._max_attempts:
            reason = f"{stage} died {deaths + kills} times on it"
            self.log.warning("frame %d: %s; it is given up", alone, reason)
            self._give_up(alone, f"failed({stage})", reason)

    def _lose(self, name: str) -> None:
        """Give up a sink: what it has not committed fails there; the other sinks finish theirs."""
        self._acknowledgers.remove(name)
        store = self._capture.store
        if store is None:
            self._dispatch.remove(name)
            return
        for seq in store.out():
            if self._dispatch.is_out(seq):
                self._give_up(seq, f"failed({name})", f"{name} cannot go on")
        with self._capture.lock:
            self._release(store, self._dispatch.remove(name))

    def _frame_failed(self, stage: str, seq: int, error: str) -> None:
        # A worker's late failure report of a frame that all sinks now have is void; a sink's own is not.
        if stage in self.config.acknowledgers or self._dispatch.is_missing(seq):
            self._give_up(seq, f"failed({stage})", error)

    def _give_up(self, seq: int, status: str, reason: str) -> None:
        store = self._capture.store
        if store is None or not self._dispatch.is_out(seq):
            return
        with self._capture.lock:
            store.give_up(seq, status)
        if self.config.quarantine:
            folder, packet = Path(self.config.quarantine), store.packet(seq, seq)
            payload = store.pixels(seq) if self.config.keeps_payloads else None
            keep_frame(folder, type(self._stage), packet, payload, reason)
        self._dispatch.gave_up(seq)
        self._outlet.discard((self.config.stage, seq))
        self._acknowledgers.tell_at_once()

    def _flush_when_due(self, store: FrameStore, now_s: float) -> None:
        """Give the remaining frames their outcome without the stages: the time for draining is over."""
        if now_s < self._flush_at_s:
            return
        for seq in store.waiting():
            store.drop(seq, "flushed")
        for seq in store.out():
            # What every sink has received will be written: the sinks decide its outcome.
            if self._dispatch.is_missing(seq):
                store.give_up(seq, "flushed")
                self._dispatch.gave_up(seq)
                self._outlet.discard((self.config.stage, seq))

    def statistics(self) -> dict[str, Any]:
        store = self._capture.store
        return {
            **self.counts,
            # Of all its processes.
            "frames": store.ledger().captured if store is not None else 0,
            "in_flight": store.in_store if store is not None else 0,
            "waiting": self._outlet.waiting,
            "length": self._stage.length,
            "packets_sent": self._outlet.packets_sent,
            "bytes_sent": self._outlet.bytes_sent,
            "rejected": self._acknowledgers.rejected + self._outlet.rejected,
            "skipped": dict(self._stage.skipped),
            "health": self._health(),
        }

    def _health(self) -> dict[str, Any]:
        health = self._stage.health
        return dataclasses.asdict(health) if health is not None else {}

    @property
    def has_waiting_thread(self) -> bool:
        return self._capture.is_waiting

    def close(self) -> None:
        self._capture.stop()
        self._outlet.close()
        self._acknowledgers.close()
