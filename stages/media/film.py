"""A film file as a reel: shots with strictly rising time stamps, the same each time and from any place."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from fashion_pipeline.stages.media.aspect import pixel_aspect_ratio
from fashion_pipeline.stages.media.decoding import OnBroken, Stamp, decode, film_packets, open_video
from fashion_pipeline.stages.media.jumps import Jumps, jump_words, may_jump
from fashion_pipeline.stages.media.pictures import Turns, to_bgr
from fashion_pipeline.stages.media.promise import (
    HEAD_BYTES,
    TAIL_BYTES,
    Came,
    promise_of,
    promised_count,
    shortfall,
)
from fashion_pipeline.stages.media.timing import NS_PER_S, Mark, ReelPlace, RisingClock, Shot, to_ns
from fashion_pipeline.stages.media.uri import local_path, openable
from framegraph.support.secrets import without_password

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

REORDER_PACKETS = 32
"""Farthest a frame's packet may be from its display position: H.264 and H.265 allow 16 frames."""

USUAL_RATE = Fraction(25)
"""Frames per second, for the rare film that declares no rate."""

_NEVER_NS = 2**62
"""Later than any time stamp."""

LONGEST_HEAD_START_NS = 60 * NS_PER_S
"""Sound that begins more than this before the pictures has a clock of its own."""

FILE_ONLY = {"protocol_whitelist": "file,crypto,data"}
"""A film that is a list of addresses must not cause them to be opened."""


OVER_HTTP = {"reconnect": "1", "reconnect_on_network_error": "1", "reconnect_delay_max": "5"}
"""Resumes a broken transfer at the same byte if the server can."""


class Film:
    """One film, in a file or, with `limits_s` for connecting and for reading, behind an http address.

    `open` raises StageError if it cannot be read; the facts are known from then on. `alive` is called before
    each packet is read or decoded, `say` with what a user should know about the film, `on_missing` with the
    number of frames that its header promises but that did not come.
    """

    def __init__(
        self,
        uri: str,
        *,
        limits_s: tuple[float, float] | None = None,
        threads: int,
        width: int | None,
        on_broken: OnBroken,
        alive: Callable[[], None],
        say: Callable[[str], None] = lambda _words: None,
        on_missing: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._path = uri if limits_s else openable(local_path(uri))
        self._limits_s = limits_s
        self._over_http = OVER_HTTP
        self._uri = without_password(uri)
        self._threads = threads
        self._width = width
        self._on_broken = on_broken
        self._alive = alive
        self._say = say
        self._on_missing = on_missing
        self._turns = Turns()
        self.start_ns = 0
        self.origin_ns = 0
        self.shot_ns = to_ns(1, 1 / USUAL_RATE)
        self.shot_count: int | None = None
        self.segment_count = 1

    def open(self) -> None:
        """Read what the film says about itself."""
        container, stream = self._open()
        with container:
            rate = stream.average_rate or stream.guessed_rate or USUAL_RATE
            self.shot_ns = to_ns(1, 1 / Fraction(rate))
            self.start_ns = self.origin_ns = _start_ns(stream) or 0
            starts_ns = [_start_ns(sound) for sound in container.streams.audio]
            sound_ns = min((start for start in starts_ns if start is not None), default=self.start_ns)
            if 0 < self.start_ns - sound_ns < LONGEST_HEAD_START_NS:
                self.origin_ns = sound_ns
            if stream.frames:
                self.shot_count = stream.frames
            elif container.duration:
                self.shot_count = round(container.duration * 1000 / self.shot_ns)

    def shots(
        self, near: ReelPlace | None = None, begin_ns: int | None = None
    ) -> Generator[Shot, None, None]:
        """Yield the shots: all of them, or those from a key frame at or before a place on.

        The time stamps and pictures do not depend on where it starts: a film whose time stamps need repair,
        or of which frames were lost before the place, is decoded from its start, or from the key frame at
        `begin_ns`. A shot lasts until the next.
        """
        container, stream, is_middle = self._open_near(near)
        came, count = Came(), promised_count(container, stream, self._file_facts()[2])
        with container:
            packets = film_packets(
                container, stream, self._broken_in(came), self._alive, on_packet=came.packet
            )
            jumps = Jumps(self.shot_ns, is_active=may_jump(container), on_jump=self._say)
            is_whole = not is_middle and begin_ns is None
            frames = decode(
                jumps.steady(packets),
                stream,
                self._broken_in(came),
                from_key_frame=not is_whole,
                begin_ns=begin_ns,
            )
            clock = RisingClock(self.shot_ns, self.origin_ns, self._say_jump)
            held: tuple[VideoFrame, Stamp, int] | None = None
            last_ns = self.shot_ns
            for frame, stamp in frames:
                pts_ns = clock.stamp(stamp.raw_ns)
                came.frame(pts_ns)
                if held is not None:
                    last_ns = pts_ns - held[2]
                    yield self._shot(stream, *held, duration_ns=last_ns)
                held = frame, stamp, pts_ns
            if held is not None:
                yield self._shot(stream, *held, duration_ns=held[1].duration_ns or last_ns)
            if is_whole:
                self._check(container, stream, count, came)

    def _say_jump(self, last_ns: int, now_ns: int) -> None:
        self._say(jump_words(last_ns, now_ns))

    def _broken_in(self, came: Came) -> OnBroken:
        def on_broken(reason: str) -> None:
            came.broken += 1
            self._on_broken(reason)

        return on_broken

    def _check(self, container: InputContainer, stream: VideoStream, count: int | None, came: Came) -> None:
        """Report what is missing from a film that was played to its end."""
        size_bytes, head, _tail = self._file_facts()
        promise = promise_of(
            container, stream, count=count, size_bytes=size_bytes, head=head, last_ns=came.last_ns
        )
        found = shortfall(promise, came)
        if found is not None:
            self._say(found.words)
            self._on_missing(found.missing)

    def _file_facts(self) -> tuple[int | None, bytes, bytes]:
        """Return the file's size, head and tail; None and empty ones if it is not a file."""
        try:
            with open(self._path, "rb") as file:
                head, size_bytes = file.read(HEAD_BYTES), file.seek(0, os.SEEK_END)
                file.seek(max(0, size_bytes - TAIL_BYTES))
                return size_bytes, head, file.read()
        except OSError:
            return None, b"", b""

    def marks(self) -> list[Mark] | None:
        """Read the packets of the whole film; None if a decoder could not begin in its middle."""
        if not self._is_in_order_until(ReelPlace(pts_ns=_NEVER_NS)):
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

    def _shot(
        self, stream: VideoStream, frame: VideoFrame, stamp: Stamp, pts_ns: int, *, duration_ns: int
    ) -> Shot:
        return Shot(
            pts_ns=pts_ns,
            duration_ns=duration_ns,
            uri=self._uri,
            read=partial(to_bgr, frame, self._width, self._turns),
            damaged=stamp.damaged,
            pixel_aspect_ratio=pixel_aspect_ratio(stream, is_on_its_side=self._turns.is_on_its_side(frame)),
        )

    def _open_near(self, place: ReelPlace | None) -> tuple[InputContainer, VideoStream, bool]:
        """Open the film at a key frame at or before `place` and add True, or at its start and add False."""
        import av

        if place is not None and place.pts_ns > self.start_ns and self._is_in_order_until(place):
            container, stream = self._open()
            try:
                ticks = Fraction(place.pts_ns, NS_PER_S) / Fraction(stream.time_base or 1)
                container.seek(round(ticks), stream=stream, backward=True)
                return container, stream, True
            except av.error.FFmpegError:
                # A damaged index: a film that cannot be seeked can still be played.
                container.close()
        return *self._open(), False

    def _open(self) -> tuple[InputContainer, VideoStream]:
        container, stream = open_video(
            self._path,
            self._uri,
            threads=self._threads,
            options=FILE_ONLY if self._limits_s is None else self._over_http,
            timeout=self._limits_s,
        )
        if self._limits_s is not None and may_jump(container) and "seekable" not in self._over_http:
            # FFmpeg has looked at its end for its length, and on a connection that stays open it may not find
            # back: such a film has to be read through anyway.
            container.close()
            self._over_http = OVER_HTTP | {"seekable": "0"}
            return self._open()
        return container, stream

    def _is_in_order_until(self, place: ReelPlace) -> bool:
        """Return whether a decoder can begin in the middle and give the same as from the start: if every
        time stamp up to `place` is there, is the only one of its value, and is out of order by no more than a
        decoder puts right, and whether they are as many as were captured.

        Reads the packets and decodes nothing.
        """
        import av

        container, stream = self._open()
        seen: set[int] = set()
        recent: deque[int] = deque()
        jumps = Jumps(self.shot_ns, is_active=may_jump(container))
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
                jumps.move(packet)
                if len(jumps.offsets_ns) > 1:
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


def _start_ns(stream: Stream) -> int | None:
    """Return the time stamp at which a stream declares to begin."""
    if stream.start_time is None or not stream.time_base:
        return None
    return to_ns(stream.start_time, Fraction(stream.time_base))
