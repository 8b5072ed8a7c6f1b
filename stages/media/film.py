"""A film file as a reel: shots with strictly rising time stamps, the same at each playing, from any place."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from runtime.secrets import without_password
from stages.media.decoding import OnBroken, Stamp, decode, film_packets, open_video
from stages.media.pictures import Turns, to_bgr
from stages.media.timing import NS_PER_S, Mark, Place, RisingClock, Shot, to_ns
from stages.media.uri import local_path

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

REORDER_PACKETS = 32
"""A frame is coded at most this many packets away from its place: H.264 and H.265 allow 16 frames."""

USUAL_RATE = Fraction(25)
"""Frames a second, for the rare film that names no rate."""

_NEVER_NS = 2**62
"""Later than any time stamp."""

FILE_ONLY = {"protocol_whitelist": "file,crypto,data"}
"""A film that is a list of addresses must not make us open them."""


class Film:
    """One film file. `open` raises StageError if it cannot be read; the facts are known from then on.

    `alive` is called before each packet is read or decoded.
    """

    def __init__(
        self, uri: str, *, threads: int, width: int | None, on_broken: OnBroken, alive: Callable[[], None]
    ) -> None:
        self._path = str(local_path(uri))
        self._uri = without_password(uri)
        self._threads = threads
        self._width = width
        self._on_broken = on_broken
        self._alive = alive
        self._turns = Turns()
        self.start_ns = 0
        self.shot_ns = to_ns(1, 1 / USUAL_RATE)
        self.shot_count: int | None = None
        self.segment_count = 1

    def open(self) -> None:
        """Read what the film says about itself."""
        container, stream = self._open()
        with container:
            rate = stream.average_rate or stream.guessed_rate or USUAL_RATE
            self.shot_ns = to_ns(1, 1 / Fraction(rate))
            if stream.time_base and stream.start_time is not None:
                self.start_ns = to_ns(stream.start_time, Fraction(stream.time_base))
            if stream.frames:
                self.shot_count = stream.frames
            elif container.duration:
                self.shot_count = round(container.duration * 1000 / self.shot_ns)

    def shots(self, near: Place | None = None, begin_ns: int | None = None) -> Generator[Shot, None, None]:
        """Yield the shots: all of them, or those from a key frame at or before a place on.

        The time stamps and pictures do not depend on where it starts: a film whose time stamps need repair,
        or of which frames were lost before the place, is decoded from its start, or from the key frame at
        `begin_ns`. A shot lasts until the next.
        """
        container, stream, is_middle = self._open_near(near)
        with container:
            packets = film_packets(container, stream, self._on_broken, self._alive)
            is_middle = is_middle or begin_ns is not None
            frames = decode(packets, stream, self._on_broken, from_key_frame=is_middle, begin_ns=begin_ns)
            clock = RisingClock(self.shot_ns)
            held: tuple[VideoFrame, Stamp, int] | None = None
            for frame, stamp in frames:
                pts_ns = clock.stamp(stamp.raw_ns)
                if held is not None:
                    yield self._shot(*held, duration_ns=pts_ns - held[2])
                held = frame, stamp, pts_ns
            if held is not None:
                yield self._shot(*held, duration_ns=held[1].duration_ns or self.shot_ns)

    def marks(self) -> list[Mark] | None:
        """Read the packets of the whole film; None if a decoder could not begin in its middle."""
        if not self._is_in_order_until(Place(pts_ns=_NEVER_NS)):
            return None
        container, stream = self._open()
        marks = []
        with container:
            for packet in container.demux(stream):
                self._alive()
                if packet.size and packet.pts is not None:
                    pts_ns = to_ns(packet.pts, Fraction(packet.time_base or 1))
                    marks.append(Mark(pts_ns, packet.is_keyframe))
        return marks

    def _shot(self, frame: VideoFrame, stamp: Stamp, pts_ns: int, *, duration_ns: int) -> Shot:
        return Shot(
            pts_ns=pts_ns,
            duration_ns=duration_ns,
            uri=self._uri,
            read=partial(to_bgr, frame, self._width, self._turns),
            damaged=stamp.damaged,
        )

    def _open_near(self, place: Place | None) -> tuple[InputContainer, VideoStream, bool]:
        """Open the film at a key frame at or before `place` and add True, or at its start and add False."""
        import av

        if place is not None and place.pts_ns > self.start_ns and self._is_in_order_until(place):
            container, stream = self._open()
            try:
                ticks = Fraction(place.pts_ns, NS_PER_S) / Fraction(stream.time_base or 1)
                container.seek(round(ticks), stream=stream, backward=True)
                return container, stream, True
            except av.error.FFmpegError:
                # A damaged index: what cannot be sought can still be played.
                container.close()
        return *self._open(), False

    def _open(self) -> tuple[InputContainer, VideoStream]:
        return open_video(self._path, self._uri, threads=self._threads, options=FILE_ONLY)

    def _is_in_order_until(self, place: Place) -> bool:
        """Say whether a decoder can begin in the middle and give what it gives from the start: whether every
        time stamp up to `place` is there, is the only one of its value, and is out of order by no more than a
        decoder puts right, and whether they are as many as were captured.

        Reads the packets and decodes nothing.
        """
        import av

        container, stream = self._open()
        seen: set[int] = set()
        recent: deque[int] = deque()
        lowest_allowed, count, later = None, 0, 0
        with container:
            packets = container.demux(stream)
            while later <= REORDER_PACKETS:
                self._alive()
                try:
                    packet = next(packets)
                except av.error.FFmpegError:
                    return False
                if not packet.size:
                    break
                if packet.pts is None or packet.time_base is None or packet.pts in seen:
                    return False
                if lowest_allowed is not None and packet.pts < lowest_allowed:
                    return False
                seen.add(packet.pts)
                recent.append(packet.pts)
                if len(recent) > REORDER_PACKETS:
                    oldest = recent.popleft()
                    lowest_allowed = oldest if lowest_allowed is None else max(lowest_allowed, oldest)
                pts_ns = to_ns(packet.pts, packet.time_base)
                count += (place.since_ns is None or place.since_ns <= pts_ns) and pts_ns <= place.pts_ns
                later = later + 1 if pts_ns > place.pts_ns else 0
        return place.count is None or count == place.count
