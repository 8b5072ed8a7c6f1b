"""store_sink: who was seen when, wearing what, into a database that can be asked."""

import dataclasses
import time
from typing import Any

from fashion_pipeline.fashion.findings import Person, people_in
from framegraph.errors import GraphError, StageError
from framegraph.packet import OK, Packet
from framegraph.properties import Bytes, Seconds, prop
from framegraph.transactions import Position, TransactionalSink

REMOVE_EVERY_S = 1.0
"""How often to look for visits to remove; each time a part of them goes."""
MIN_GAIN = 1.25
"""A view is kept when it is this much better than the best one so far: few pictures are coded per visit."""


class StoreSink(TransactionalSink["StoreSink.Options"]):
    """Write visits, what visitors wear, and how much of each minute was analysed, into a database.

    Rows and position are one transaction: after any kill no visit is lost or doubled. Several sources, graphs
    and runs may write one database. docs/store.md describes the tables, `ask` and `counts` read them.
    """

    takes = ("people/track",)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        url: str = prop(
            "sqlite:///out/store.db",
            "The database: sqlite:///FILE, or postgresql+psycopg://USER:${PASSWORD}@HOST/DATABASE.",
        )
        views: int = prop(
            160, "Keep the best picture of each visitor, this many pixels high; 0: none.", low=0, high=2000
        )
        keep: Seconds = prop(
            0.0,
            "Remove visits, with their pictures, this long after they ended, e.g. 30d; 0: never. Visits of "
            "films whose clock is not known have no age.",
            low=0,
        )
        max_size: Bytes = prop(
            0, "Remove the oldest visits when the database holds more bytes than this; 0: never.", low=0
        )

    @classmethod
    def check(cls, options: Options) -> None:
        from fashion_pipeline.store.opening import read_url

        try:
            read_url(options.url)
        except GraphError as error:
            raise GraphError(f"property 'url': {error}") from None

    _writer: Any = None
    _remove_at_s = 0.0

    def open(self) -> None:
        self._removed = {"keep": 0, "max-size": 0}

    def begin(self) -> Position | None:
        from fashion_pipeline.store.writer import StreamWriter

        if self._writer is None:
            context = self.context
            self._writer = StreamWriter(
                self.options.url, run=context.run, stage=context.name, source=context.source
            )
        try:
            position: Position | None = self._writer.begin()
        except GraphError as error:
            raise StageError(str(error)) from error
        return position

    def process(self, packet: Packet) -> Packet:
        from fashion_pipeline.store.visits import Moment

        is_live = "LIVE" in packet.flags
        clock_ns = packet.clock_ns or (packet.capture_time_ns if is_live else packet.pts_ns)
        at = Moment(clock_ns=clock_ns, pts_ns=packet.pts_ns)
        self._writer.frame(
            at,
            uri=packet.uri,
            clock="wall" if packet.clock_ns or is_live else "film",
            outcome="analysed" if packet.status == OK else "failed",
        )
        if packet.status == OK:
            for person in people_in(packet.meta):
                visit = self._writer.visits.see(person, at)
                if visit is not None and self.options.views:
                    self._look(packet, person, visit)
            self._writer.visits.leave(at)
        return packet

    def _look(self, packet: Packet, person: Person, visit: Any) -> None:
        """Keep this view of a visitor if it is clearly the best so far."""
        if "detected_at_seq" in person:
            return
        x0, y0, x1, y1 = person["box"]
        quality = person["score"] * (x1 - x0) * (y1 - y0)
        if quality < MIN_GAIN * visit.best_quality or quality <= 0:
            return
        import cv2

        image_bgr = packet.image_bgr[max(0, int(y0)) : int(y1) + 1, max(0, int(x0)) : int(x1) + 1]
        if not image_bgr.size:
            return
        scale = min(1.0, self.options.views / image_bgr.shape[0])
        size_wh = max(1, round(image_bgr.shape[1] * scale)), max(1, round(image_bgr.shape[0] * scale))
        small = cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_AREA)
        _is_coded, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])
        visit.view, visit.best_quality = (quality, jpeg.tobytes()), quality

    def dropped(self, packet: Packet, from_seq: int, to_seq: int, reason: str) -> None:
        self._writer.dropped(to_seq - from_seq + 1)

    def finish(self) -> None:
        self._writer.finish()

    def commit(self, position: Position) -> None:
        self._writer.commit(position)
        options = self.options
        if (options.keep or options.max_size) and time.monotonic() >= self._remove_at_s:
            self._remove_at_s = time.monotonic() + REMOVE_EVERY_S
            found = self._writer.remove(
                keep_s=options.keep, max_bytes=options.max_size, now_ns=time.time_ns()
            )
            for name, number in zip(self._removed, found, strict=True):
                self._removed[name] += number
            if any(found):
                self.log.info("removed %d visits by age, %d by size", *found)

    def remarks(self) -> list[str]:
        return [f"{number} visits were removed ({name})" for name, number in self._removed.items() if number]

    @classmethod
    def last_position(cls, options: Options, digest: str, stage: str, source: str) -> Position | None:
        from fashion_pipeline.store.writer import last_position

        return last_position(options.url, digest, stage, source)

    def describe(self) -> str:
        from fashion_pipeline.store.opening import read_url, redacted

        return redacted(read_url(self.options.url))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
