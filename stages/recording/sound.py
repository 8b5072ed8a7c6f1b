"""The sound of an input film, copied next to its pictures; its errors never cost the film."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from fashion_pipeline.stages.media.decoding import MAX_READ_ERRORS, reason_of
from fashion_pipeline.stages.media.jumps import Jumps, may_jump
from fashion_pipeline.stages.media.timing import NS_PER_S, to_ns
from fashion_pipeline.stages.media.uri import HTTP, is_local_file, local_path, openable, scheme_of

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

MP4_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
"""Audio codecs that players know in MP4; FFmpeg would write more."""
REMOTE_LIMITS_S = (10.0, 10.0)
"""Limits for connecting and reading."""
FILM_FRAME_NS = NS_PER_S // 25


class NoSoundError(Exception):
    """Why the film gets no sound."""


class Sound:
    """The sound track of the film that `uri` names. Use as a context manager.

    `origin_ns` is the input's time at the beginning of the output. Raises NoSoundError if there is nothing
    that could be copied into a film of that format.
    """

    def __init__(self, uri: str, origin_ns: int, format_: str) -> None:
        if not uri:
            raise NoSoundError("it does not come from one film")
        is_remote = scheme_of(uri) in HTTP
        if not is_remote and not is_local_file(uri):
            raise NoSoundError("its input is not a file")
        self._path = uri if is_remote else openable(local_path(uri))
        self._limits_s = REMOTE_LIMITS_S if is_remote else None
        self._origin_ns = origin_ns
        try:
            self._container = self._open()
        except (av.error.FFmpegError, OSError) as error:
            raise NoSoundError(f"{uri} cannot be opened again: {reason_of(error)}") from None
        try:
            self.stream = self._choose(format_)
            self._packets = self._read()
            self._first = next(self._packets, None)
            if self._first is None:
                raise NoSoundError("the input's sound track is empty there")
        except NoSoundError:
            self._container.close()
            raise

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def _open(self) -> InputContainer:
        return av.open(self._path, metadata_errors="replace", timeout=self._limits_s)

    def _choose(self, format_: str) -> AudioStream:
        streams = self._container.streams.audio
        if not streams:
            raise NoSoundError("the input has none")
        known = [stream for stream in streams if stream.codec_context is not None]
        if not known:
            raise NoSoundError("the input's is in a codec that this FFmpeg does not know")
        stream = known[0]
        codec = stream.codec_context.codec.canonical_name
        with av.open("/dev/null", "w", format=format_) as empty:
            taken = MP4_SOUND if format_ == "mp4" else empty.supported_codecs
        if codec not in taken:
            name = {"matroska": "MKV"}.get(format_, format_.upper())
            raise NoSoundError(f"{codec} does not fit into {name}")
        return stream

    def packets(self, end_ns: int) -> Iterator[tuple[int, Packet[AudioStream]]]:
        """Yield (time in the output in ns, packet with stamps of the output) up to `end_ns`, in order."""
        assert self._first is not None
        for at_ns, packet in itertools.chain([self._first], self._packets):
            if at_ns >= end_ns:
                return
            yield at_ns, packet

    def _read(self) -> Iterator[tuple[int, Packet[AudioStream]]]:
        """Yield what is to be heard from the output's beginning on; stamps that do not rise are left out."""
        placing = _Placing(*self._jumps())
        last_ticks: int | None = None
        for packet in self._demuxed():
            ticks = packet.pts if packet.pts is not None else packet.dts
            if ticks is None or not packet.time_base or not packet.size or packet.is_corrupt:
                continue
            time_base = Fraction(packet.time_base)
            at_ns = placing.place(
                to_ns(ticks, time_base), to_ns(packet.duration or 0, time_base), packet.pos or 0
            )
            at_ns -= self._origin_ns
            at_ticks = round(Fraction(at_ns, NS_PER_S) / time_base)
            if at_ns < 0 or (last_ticks is not None and at_ticks <= last_ticks):
                continue
            last_ticks = packet.pts = packet.dts = at_ticks
            yield at_ns, packet

    def _demuxed(self) -> Iterator[Packet[AudioStream]]:
        """Yield packets, continuing past read errors up to a limit."""
        errors = 0
        while errors < MAX_READ_ERRORS:
            try:
                for packet in self._container.demux(self.stream):
                    errors = 0
                    yield packet
                return
            except av.error.FFmpegError:
                errors += 1

    def _jumps(self) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the offsets that the pictures' player added, one from each jump on, and where they are."""
        if not may_jump(self._container):
            return [0], []
        with self._open() as container:
            pictures = container.streams.best("video")
            if pictures is None:
                return [0], []
            rate: Any = pictures.average_rate or pictures.guessed_rate
            jumps = Jumps(round(NS_PER_S / rate) if rate else FILM_FRAME_NS, is_active=True)
            try:
                for packet in container.demux(pictures):
                    jumps.move(packet)  # type: ignore[arg-type]
            except av.error.FFmpegError:
                pass  # sound after a break is not used either
        return jumps.offsets_ns, jumps.joints


class _Placing:
    """Finds the pictures' offset that applies to each packet of sound.

    It is told by where the packet stands in the file. Between the pictures before and after a jump it is the
    offset that lets the sound go on where it ended.
    """

    def __init__(self, offsets_ns: list[int], joints: list[tuple[int, int]]) -> None:
        self._offsets_ns = offsets_ns
        self._joints = joints
        self._at = 0
        self._next_ns: int | None = None

    def place(self, raw_ns: int, duration_ns: int, place_bytes: int) -> int:
        while self._at < len(self._joints) and place_bytes >= self._joints[self._at][1]:
            self._at += 1
        next_ns = self._next_ns
        is_between = self._at < len(self._joints) and place_bytes > self._joints[self._at][0]
        if is_between and next_ns is not None:
            now, then = self._offsets_ns[self._at : self._at + 2]
            if abs(raw_ns + then - next_ns) < abs(raw_ns + now - next_ns):
                self._at += 1
        placed_ns = raw_ns + self._offsets_ns[self._at]
        self._next_ns = placed_ns + duration_ns
        return placed_ns
