"""events_sink: people's arrivals, garments and departures, as JSON lines and over MQTT."""

import dataclasses
from pathlib import Path
from typing import Any

from fashion_pipeline.fashion.findings import Event, RecordHead, read_event
from fashion_pipeline.stages.events.broker import read_broker, topic_problem
from fashion_pipeline.stages.events.presence import Presence
from fashion_pipeline.stages.events.spool import Spool
from fashion_pipeline.stages.events.state_file import StateFile
from fashion_pipeline.stages.records.lines import line_of
from framegraph.errors import GraphError
from framegraph.files import CutFileSink
from framegraph.packet import OK, Packet
from framegraph.properties import REQUIRED, Bytes, Seconds, prop
from framegraph.stage import Cut
from framegraph.support.texts import utf8_of

VERSION = 1


class EventsSink(CutFileSink["EventsSink.Options"]):
    """Write a line for each event: a person "appeared", "wears" something (once it is known, and when it
    changes) or "left". With `broker` each line is also published, once it is final.

    Each event is in the file once. Over MQTT it arrives at least once; (run, source, seq, track, event)
    identifies repetitions. While the broker is unreachable, up to `max-spool` of its lines wait in the file.
    Frames that were not analysed are ignored: nobody leaves in one.
    """

    takes = ("people/track",)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop(REQUIRED, "The file; {source} in it stands for the name of the source.")
        leave_after: Seconds = prop(
            2.0, "A person missing for this long, by the time stamps of analysed frames, has left.", low=0
        )
        steady: Seconds = prop(
            0.5, "What a person wears is reported once it has stayed the same for this long.", low=0
        )
        broker: str = prop(
            "",
            "Broker: mqtt://HOST[:PORT], mqtts:// for TLS, a user as mqtt://USER:${PASSWORD}@HOST; or none.",
        )
        ca: str = prop(
            "",
            "For mqtts://: a file with the certificate of the broker's authority; empty: those this machine "
            "trusts.",
        )
        topic: str = prop("fashion/{source}/events", "The topic to publish to; {source} as in location.")
        qos: int = prop(1, "MQTT's quality of service; 0 may lose events.", low=0, high=2)
        max_spool: Bytes = prop(
            10_000_000,
            "Most bytes of lines that may wait for the broker; the oldest lines are skipped.",
            low=1000,
        )
        drain: Seconds = prop(5.0, "How long to wait for the broker at the end.", low=0, high=3600)

    @classmethod
    def check(cls, options: Options) -> None:
        if options.broker:
            try:
                broker = read_broker(options.broker, options.ca)
            except ValueError as error:
                raise GraphError(f"property 'broker': {error}") from None
            if options.ca and not broker.is_tls:
                raise GraphError("ca is for mqtts://; write broker: mqtts://…, or leave it out")
            if options.ca:
                _check_ca(options.ca)
        elif options.ca:
            raise GraphError("ca is for a broker; write broker: mqtts://…, or leave it out")
        problem = topic_problem(options.topic)
        if problem:
            raise GraphError(f"property 'topic': {problem}, got '{options.topic}'")

    _state: Any = None
    _publisher: Any = None

    def open_at(self, location: Path, cut: Cut | None) -> None:
        self.close()
        super().open_at(location, cut)
        notes = cut.notes if cut else {}
        self._frames: int = notes.get("frames", 0)
        self._published: tuple[int, int] = (notes.get("published", 0), notes.get("dropped", 0))
        self._presence = Presence(leave_after_s=self.options.leave_after, steady_s=self.options.steady)
        self._is_finished = False
        self._remarks: list[str] = []
        self._state = StateFile(location)
        if self._frames:
            self._presence.restore(self._state.read(self._frames))
        if self.options.broker:
            self._publisher = self._make_publisher(location)
            self._publisher.allow(super().position().size_bytes)

    def _make_publisher(self, location: Path) -> Any:
        from fashion_pipeline.stages.events.publisher import Publisher

        start, dropped = self._published
        spool = Spool(location, start=start, dropped=dropped, max_bytes=self.options.max_spool)
        return Publisher(
            read_broker(self.options.broker, self.options.ca),
            spool,
            topic=self.options.topic.replace("{source}", self.context.source),
            qos=self.options.qos,
            log=self.log,
        )

    def process(self, packet: Packet) -> Packet:
        if packet.status == OK:
            self._write_events(self._presence.see(packet))
            self._remember()
        return packet

    def _remember(self) -> None:
        self._frames += 1
        self._state.write(self._frames, self._presence.to_plain())

    def _write_events(self, events: list[Event]) -> None:
        head: RecordHead = {"version": VERSION, "run": self.context.run, "source": self.context.source}
        for event in events:
            line = line_of({**head, **event})
            self.write(utf8_of(line))

    def position(self) -> Cut:
        if self._publisher is not None:
            self._published = self._publisher.place
        published, dropped = self._published
        notes = {"frames": self._frames, "published": published, "dropped": dropped}
        return dataclasses.replace(super().position(), notes=notes)

    def sync(self) -> None:
        super().sync()
        self._state.sync()

    def committed(self) -> None:
        if self._publisher is not None:
            self._publisher.allow(super().position().size_bytes)
        if self._is_finished:
            self._state.remove()

    def finish(self) -> None:
        self._write_events(self._presence.end())
        self._is_finished = True
        if self._publisher is None:
            return
        publisher, self._publisher = self._publisher, None
        # It depends only on what is committed, so a successor would write the same.
        publisher.allow(super().position().size_bytes)
        left = publisher.drain(self.options.drain)
        self._published = publisher.place
        self._remarks = [_mqtt_remark(self._published[1], left, publisher.trouble)]

    def remarks(self) -> list[str]:
        return self._remarks

    @classmethod
    def count(cls, location: Path) -> int | None:
        """Check only that no event is duplicated: frames without events leave no line."""
        with location.open(encoding="utf-8") as lines:
            keys = [(record["seq"], record["track"], record["event"]) for record in map(read_event, lines)]
        if len(keys) != len(set(keys)) or [key[0] for key in keys] != sorted(key[0] for key in keys):
            raise ValueError(f"{location}: events are duplicated or out of order")
        return None

    def close(self) -> None:
        super().close()
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None
        if self._state is not None:
            self._state.close()
            self._state = None


def _check_ca(path: str) -> None:
    import ssl

    try:
        Path(path).read_bytes()
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise GraphError(f"ca: {path} holds no certificate (PEM)") from None
    except OSError as error:
        raise GraphError(f"ca: {path}: {error.strerror}; name a file of certificates (PEM)") from None


def _mqtt_remark(dropped: int, left: int, trouble: str) -> str:
    parts = [f"{dropped} events were skipped (max-spool)"] if dropped else []
    why = f": {trouble}" if trouble else ", the broker was slow at the end"
    parts += [f"{left} were not published{why}"] if left else []
    return "MQTT: " + ("; ".join(parts) or "the broker has every event")
