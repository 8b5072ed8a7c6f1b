"""The loop around a source: frames into custody, out by credit and window, until every sink has them."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from runtime.custody.dispatch import Dispatch
from runtime.custody.layout import REASONS, CustodyFile
from runtime.custody.store import FrameStore
from runtime.errors import StageError, WireError
from runtime.hosts.capture import Capture, pool_folder
from runtime.hosts.loop import HostLoop, Place
from runtime.hosts.quarantine import keep_picture
from runtime.order import End
from runtime.packet import Packet
from runtime.stage import Resume, Source
from runtime.wire import codec
from runtime.wire.outlet import Outlet
from runtime.wire.sockets import bind_router, receive_all, try_send

TELL_AGAIN_S = 0.25
"""How often a GAP or the EOS is said again to a sink that has not said to have it."""


class SourceHost(HostLoop):
    """Runs a source: owns every frame of it from capture until all sinks have committed it."""

    def __init__(self, place: Place, stage: Source) -> None:
        super().__init__(place)
        context, config, paths = place.context, place.config, place.paths
        common = config.common
        self._stage = stage
        self._link = Path(paths.pools) / config.stage
        self._folders = (
            [Path(common["pool"])] if common["pool"] else [Path("/dev/shm"), Path(tempfile.gettempdir())]
        )
        self._slots: int = common["custody"]
        # What is out must leave slots for what waits, or a live source would have nowhere to put the next.
        self._kept_free: int = common["max_size_buffers"]
        self._max_attempts: int = common["max_attempts"]
        self._max_latency_s: float = common["max_latency"]
        self._drain_s: float = common["drain"]
        self._outlet = Outlet(context, config.outlet, config.incarnation, config.consumers)
        self._commits = bind_router(context, config.commits[config.stage])
        self._dispatch = Dispatch(
            sinks=config.committers, window=common["window"], resend_after_s=common["resend_after"]
        )
        self._sink_identity: dict[str, bytes] = {}
        self._ended: set[str] = set()
        self._told_at_s: dict[str, float] = {}
        self._eos_cause = "finished"
        self._flush_at_s = float("inf")
        self._is_finished = False
        self._source_error = ""
        adopted = self._adopt()
        self._capture = Capture(
            stage,
            lambda frame: self._make_store(frame.image_bgr.nbytes),
            adopted,
            resume=adopted.resume if adopted is not None else None,
            max_waiting=common["max_size_buffers"],
            may_drop=stage.live,
        )
        if config.is_stopping:
            self._stop_capturing("stopped", self._drain_s)
        self._capture.start()

    # Custody

    def _adopt(self) -> FrameStore | None:
        """Take over what a dead process of this source left: same frames, same slots, all sent again."""
        if not self._link.exists():
            return self._go_on(self.config.start) if self.config.start else None
        store = self._store(CustodyFile(self._link, writable=True))
        for seq in store.out():
            self._dispatch.sent(seq)
            if store.status(seq) != "ok":
                self._dispatch.gave_up(seq)
            else:
                store.send_again(seq)
                self._put(store.packet(seq, store.out()[0]))
        return store

    def _go_on(self, start: dict[str, Any]) -> FrameStore:
        """Begin where an earlier run stopped."""
        store = self._make_store(0)
        captured = start["seq"] + 1
        if captured:
            last = Resume(
                captured=captured,
                epoch=start["epoch"],
                pts_ns=start["pts_ns"],
                running_ns=start["running_ns"],
            )
            store.begin_after(last, start["seq"], start["not_ok"])
        return store

    def _make_store(self, frame_bytes: int) -> FrameStore:
        folder = pool_folder(self._folders, self._slots * frame_bytes)
        path = folder / f"{Path(self._link).parents[1].name}-{self.config.stage}"
        path.unlink(missing_ok=True)
        file = CustodyFile.create(path, self._slots)
        if frame_bytes:
            # All at once, so that a file system that fills up later cannot stop the run.
            for slot in range(self._slots):
                file.reserve(slot, frame_bytes)
        # The name in the run folder comes last: whoever finds it finds a complete file.
        os.symlink(path, self._link)
        return self._store(file)

    def _store(self, file: CustodyFile) -> FrameStore:
        return FrameStore(file, self.config.stage, tuple(self.config.stages))

    # The loop

    @property
    def sockets(self) -> list[Any]:
        return [self._outlet.socket, self._commits, self._capture.wake]

    def step(self, now_s: float) -> bool:
        self._capture.clear_wake()
        self._outlet.receive(now_s)
        haves = self._read_haves()
        store = self._capture.store
        if store is not None:
            with self._capture.lock:
                self._release(store, haves)
                self._flush_when_due(store, now_s)
                self._dispatch_frames(store, now_s)
                self._tell_starts(store, haves)
                self._tell_gaps(store, now_s)
                is_drained = store.in_custody == 0
        else:
            is_drained = True
        for source, seq in self._outlet.pump(time.monotonic()):
            assert source == self.config.stage
            self._dispatch.left(seq, time.monotonic())
        if self._capture.is_done and is_drained and not self._is_finished:
            self._end(now_s)
        return False

    def _read_haves(self) -> list[tuple[str, int, int, list[int], bool]]:
        haves = []
        for message in receive_all(self._commits):
            try:
                said = codec.unpack(message[-1])
                sink = codec.field(said, "sink", str)
                if sink not in self._dispatch.committed:
                    raise WireError(f"'{sink}' does not commit frames of this source")
                haves.append(
                    (
                        sink,
                        codec.field(said, "incarnation", int, 0),
                        codec.field(said, "committed", int, -1),
                        codec.int_list(said, "received"),
                        codec.field(said, "ended", bool),
                    )
                )
                self._sink_identity[sink] = message[0]
            except WireError:
                self.counts["rejected"] += 1
        return haves

    def _release(self, store: FrameStore, haves: list[tuple[str, int, int, list[int], bool]]) -> None:
        for sink, incarnation, committed, received, ended in haves:
            if ended:
                self._ended.add(sink)
            for seq in self._dispatch.have(sink, incarnation, committed, received):
                store.release(seq)
                self.page.progressed(1)
                self._outlet.discard((self.config.stage, seq))
        if haves:
            self._capture.has_room_again()

    def _dispatch_frames(self, store: FrameStore, now_s: float) -> None:
        for seq in store.waiting():
            if not self._dispatch.has_window or len(store.out()) >= self._slots - self._kept_free:
                break
            if self._max_latency_s and self._stage.live and store.age_s(seq) > self._max_latency_s:
                store.drop(seq, "late")
                continue
            store.send(seq)
            self._dispatch.sent(seq)
            self._put(store.packet(seq, self._dispatch.floor_seq(seq)))
            self._capture.has_room_again()
        for seq, alone in self._dispatch.due(now_s):
            store.send_again(seq)
            self.counts["resent"] += 1
            packet = store.packet(seq, self._dispatch.floor_seq(seq))
            packet.alone = alone
            self._put(packet)

    def _put(self, packet: Packet) -> None:
        self._outlet.put(packet, codec.encode_packet(packet))

    # Start, GAP and EOS, straight to the sinks

    def _tell_starts(self, store: FrameStore, haves: list[tuple[str, int, int, list[int], bool]]) -> None:
        """A sink without a file cannot know after its death how far it was: tell it what is over."""
        out = store.out()
        over = store.packet(out[0], 0).prev_seq if out else store.last_sent_seq
        for sink, _incarnation, committed, _received, _ended in haves:
            if committed < over:
                self._tell(sink, {"kind": "start", "after_seq": over})

    def _tell_gaps(self, store: FrameStore, now_s: float) -> None:
        for sink in self._sink_identity:
            gaps = self._dispatch.gaps_for(sink)
            if gaps and self._may_tell(sink, now_s):
                for seq in gaps:
                    packet = store.packet(seq, self._dispatch.floor_seq(seq))
                    self._tell(sink, {"kind": "gap", "packet": codec.packet_fields(packet)})

    def _end(self, now_s: float) -> None:
        """Everything captured has its outcome: tell the sinks so, until each has finished its output."""
        if self._ended >= set(self._dispatch.committed):
            self._is_finished = True
            self.bus.send(
                "eos",
                cause=self._eos_cause,
                error=self._source_error,
                skipped=dict(self._stage.skipped),
                committed_at=time.time(),
            )
            return
        if self._capture.error is not None and not self._source_error:
            self._source_error = describe(self._capture.error)
            self._eos_cause = "error"
            self.bus.send("source_error", text=self._source_error)
        store = self._capture.store
        told = store.told() if store is not None else []
        end = End(
            last_seq=store.last_sent_seq if store is not None else -1,
            cause=self._eos_cause,
            dropped=tuple((first, last, REASONS[reason]) for first, last, reason in told),
        )
        for sink in self._sink_identity:
            if sink not in self._ended and self._may_tell(sink, now_s):
                self._tell(
                    sink,
                    {
                        "kind": "eos",
                        "last_seq": end.last_seq,
                        "cause": end.cause,
                        "dropped": [list(stretch) for stretch in end.dropped],
                    },
                )

    def _may_tell(self, sink: str, now_s: float) -> bool:
        if now_s - self._told_at_s.get(sink, float("-inf")) < TELL_AGAIN_S:
            return False
        self._told_at_s[sink] = now_s
        return True

    def _tell(self, sink: str, message: dict[str, Any]) -> None:
        try_send(self._commits, [self._sink_identity[sink], codec.pack({"v": codec.VERSION, **message})])

    # Commands of the launcher

    def command(self, command: dict[str, Any]) -> None:
        kind = command.get("kind")
        if kind == "eos":
            self._stop_capturing(command["cause"], command["drain_s"])
        elif kind == "worker_died":
            self._worker_died(command["stage"], command["seqs"])
        elif kind == "frame_failed":
            self._frame_failed(command["stage"], command["seq"], command["error"])

    def _stop_capturing(self, cause: str, drain_s: float) -> None:
        self._eos_cause = cause
        self._capture.stop()
        self._flush_at_s = min(self._flush_at_s, time.monotonic() + drain_s)

    def _worker_died(self, stage: str, seqs: list[int]) -> None:
        self._dispatch.worker_died(seqs)
        alone = self._dispatch.was_alone(seqs)
        store = self._capture.store
        if alone is None or store is None:
            return
        with self._capture.lock:
            deaths = store.count_death(alone)
        if deaths >= self._max_attempts:
            self.log.warning("frame %d: %s died %d times on it; it is given up", alone, stage, deaths)
            self._give_up(alone, f"failed({stage})", f"{stage} died {deaths} times on it")

    def _frame_failed(self, stage: str, seq: int, error: str) -> None:
        # A worker's late word of a frame that all sinks have by now is void; a sink's own is not.
        if stage in self.config.committers or self._dispatch.is_missing(seq):
            self._give_up(seq, f"failed({stage})", error)

    def _give_up(self, seq: int, status: str, reason: str) -> None:
        store = self._capture.store
        if store is None or not self._dispatch.is_out(seq):
            return
        with self._capture.lock:
            store.give_up(seq, status)
        if self.config.quarantine:
            folder = Path(self.config.quarantine)
            keep_picture(folder, store.packet(seq, seq), store.pixels(seq), reason)
        self._dispatch.gave_up(seq)
        self._outlet.discard((self.config.stage, seq))
        self._told_at_s.clear()

    def _flush_when_due(self, store: FrameStore, now_s: float) -> None:
        """The time for draining is over: what is left gets its outcome without the stages."""
        if now_s < self._flush_at_s:
            return
        for seq in store.waiting():
            store.drop(seq, "flushed")
        for seq in store.out():
            # What every sink has received will be written: its outcome is theirs.
            if self._dispatch.is_missing(seq):
                store.give_up(seq, "flushed")
                self._dispatch.gave_up(seq)
                self._outlet.discard((self.config.stage, seq))

    def statistics(self) -> dict[str, Any]:
        store = self._capture.store
        return {
            **self.counts,
            "frames": store.ledger().captured if store is not None else 0,
            "in_flight": store.in_custody if store is not None else 0,
            "waiting": self._outlet.waiting,
            "length": self._stage.length,
            "packets_sent": self._outlet.packets_sent,
            "bytes_sent": self._outlet.bytes_sent,
            "rejected": self.counts["rejected"] + self._outlet.rejected,
            "skipped": dict(self._stage.skipped),
        }

    def close(self) -> None:
        self._capture.stop()
        self._outlet.close()
        self._commits.close()


def describe(error: BaseException) -> str:
    """Return one sentence for the user; an unexpected error keeps its type and place."""
    if isinstance(error, StageError):
        return str(error)
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    where = f" ({frames.tb_frame.f_code.co_filename}:{frames.tb_lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
