"""The loop around a sink: packets of each source into order, written once, then committed."""

import time
import traceback
from collections.abc import Callable
from typing import Any

import zmq

from runtime.custody.reader import PoolReader
from runtime.errors import PixelsGoneError, StageError, WireError
from runtime.hosts.channel import Channel
from runtime.hosts.loop import HostLoop, Place
from runtime.order import End
from runtime.packet import OK, Packet
from runtime.stage import Sink
from runtime.wire import codec
from runtime.wire.inlet import REPEAT_S, Inlet
from runtime.wire.sockets import connect_dealer, receive_all, try_send

UNLIMITED_CREDIT = 2**40
"""A sink takes whatever comes: it has to hold frames out of order, and the sources' windows bound them."""
MAX_FAILURES_IN_A_ROW = 10


class SinkHost(HostLoop):
    """Runs a sink: one object of the stage per source, each with its own order, output and progress."""

    def __init__(self, place: Place, make_sink: Callable[[str], Sink]) -> None:
        super().__init__(place)
        context, config, paths = place.context, place.config, place.paths
        self._pool = PoolReader(paths.pools)
        self._inlet = Inlet(
            context,
            stage=config.stage,
            replica=config.replica,
            incarnation=config.incarnation,
            capacity=UNLIMITED_CREDIT,
        )
        for endpoint in config.upstreams:
            self._inlet.connect(endpoint)
        identity = f"{config.stage}.{config.replica}#{config.incarnation}"
        self._commits = {
            source: connect_dealer(context, endpoint, identity) for source, endpoint in config.commits.items()
        }
        self._channels = {source: Channel(config, source, make_sink(source)) for source in config.reached_by}
        self._said: dict[str, tuple[Any, ...]] = {}
        self._said_at_s: dict[str, float] = {}
        self._source_index = {name: index for index, name in enumerate(config.sources)}
        self._failures_in_a_row = 0
        for channel in self._channels.values():
            if channel.is_finished:
                self._report_output(channel)

    @property
    def sockets(self) -> "list[zmq.Socket[bytes]]":
        return [*self._inlet.sockets, *self._commits.values()]

    def step(self, now_s: float) -> bool:
        self._receive()
        self._read_commit_links()
        self._say_have(now_s)
        more = False
        for channel in self._channels.values():
            packet = channel.order.take()
            if packet is not None:
                self._write(channel, packet)
                more = True
            elif channel.order.is_at_end and not channel.is_finished:
                self._finish(channel)
        self._inlet.give_credit(now_s)
        self._say_have(time.monotonic())
        return more

    def _receive(self) -> None:
        for arrival in self._inlet.receive():
            self._inlet.done(arrival.endpoint)
            self._offer(arrival.packet)

    def _offer(self, packet: Packet) -> None:
        channel = self._channels.get(packet.source)
        if channel is None:
            self.counts["rejected"] += 1
            return
        packet.find_pixels = self._pool.find
        if channel.order.offer(packet):
            channel.received()
        else:
            self.counts["repeated"] += 1

    def _read_commit_links(self) -> None:
        for source, socket in self._commits.items():
            for message in receive_all(socket):
                try:
                    self._told(source, codec.unpack(message[-1]))
                except WireError as error:
                    self.counts["rejected"] += 1
                    self.log.warning("rejected a message on the commit link of %s: %s", source, error)

    def _told(self, source: str, said: dict[str, Any]) -> None:
        kind = codec.field(said, "kind", str)
        if kind == "gap":
            self._offer(codec.packet_from(codec.field(said, "packet", dict)))
        elif kind == "start":
            after_seq = codec.field(said, "after_seq", int, -1)
            if not self._channels[source].start_after(after_seq):
                self.fatal(
                    f"{self._channels[source].describe()} lacks frames up to {after_seq} of {source}: "
                    "its progress file was removed or replaced while the run was on; start the run anew"
                )
        elif kind == "eos":
            dropped = tuple(
                (int(first), int(last), str(reason))
                for first, last, reason in codec.field(said, "dropped", list)
            )
            last_seq = codec.field(said, "last_seq", int, -1)
            cause = codec.field(said, "cause", str)
            self._channels[source].order.end = End(last_seq=last_seq, cause=cause, dropped=dropped)
        else:
            raise WireError(f"unknown kind '{kind}'")

    def _write(self, channel: Channel, packet: Packet) -> None:
        started_s = time.perf_counter()
        self.page.begin([packet], self._source_index)
        try:
            channel.write(packet)
        except PixelsGoneError:
            # Custody keeps the pixels until we commit, so this was a copy from before a fault.
            channel.order.put_aside(packet)
            self.counts["stale"] += 1
            return
        except Exception as error:  # a sink may raise anything
            self._failed(channel, packet, error)
            return
        finally:
            self.page.end(1)
        self._failures_in_a_row = 0
        self.counts["busy_s"] += time.perf_counter() - started_s
        self.counts["frames"] += 1

    def _failed(self, channel: Channel, packet: Packet, error: Exception) -> None:
        """Try the frame once more on a file cut back to before it, then report it as failed here."""
        self.log.warning("frame %d of %s: %s: %s", packet.seq, packet.source, type(error).__name__, error)
        try:
            channel.go_back()
            channel.write(packet)
        except Exception as second:  # the frame stays undone: the source makes it a GAP
            self._failures_in_a_row += 1
            self.counts["exceptions"] += 1
            self.log.debug("%s", traceback.format_exc())
            text = f"{type(second).__name__}: {second}"
            if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW or isinstance(second, StageError):
                self.fatal(f"cannot write {channel.describe()}: {text}")
                return
            channel.go_back()
            if packet.status != OK:
                channel.skip(packet)
                return
            channel.order.put_aside(packet)
            self.bus.send("frame_failed", source=packet.source, seq=packet.seq, error=text)
        else:
            self._failures_in_a_row = 0

    def _finish(self, channel: Channel) -> None:
        try:
            channel.finish()
        except Exception as error:  # the output is not complete: the run has failed, and says why
            self.log.debug("%s", traceback.format_exc())
            self.fatal(f"cannot complete {channel.describe()}: {type(error).__name__}: {error}")
            return
        self._report_output(channel)

    def _report_output(self, channel: Channel) -> None:
        self.bus.send("output", source=channel.source, **channel.summary())
        if all(other.is_finished for other in self._channels.values()):
            self.bus.send("state", state="eos")

    def _say_have(self, now_s: float) -> None:
        """Tell each source, in absolute terms, what is here: on change, and again every REPEAT_S."""
        for source, socket in self._commits.items():
            channel = self._channels[source]
            says = (channel.committed_seq, tuple(channel.order.held), channel.is_finished)
            if says == self._said.get(source) and now_s - self._said_at_s[source] < REPEAT_S:
                continue
            message = codec.pack(
                {
                    "sink": self.config.stage,
                    "incarnation": self.config.incarnation,
                    "committed": says[0],
                    "received": list(says[1]),
                    "ended": says[2],
                }
            )
            if try_send(socket, [message]):
                self._said[source], self._said_at_s[source] = says, now_s

    def command(self, command: dict[str, Any]) -> None:
        """A sink knows no command of its own."""

    def statistics(self) -> dict[str, Any]:
        return {
            **self.counts,
            "waiting": sum(len(channel.order.held) for channel in self._channels.values()),
            "rejected": self.counts["rejected"] + self._inlet.rejected,
            "tallies": {source: channel.tally.to_plain() for source, channel in self._channels.items()},
        }

    def close(self) -> None:
        for channel in self._channels.values():
            channel.close()
        self._inlet.close()
        for socket in self._commits.values():
            socket.close()
        self._pool.close()
