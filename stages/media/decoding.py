"""Opening whatever FFmpeg reads, and decoding it frame by frame past errors."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from fashion_pipeline.stages.media.deinterlace import Deinterlacer
from fashion_pipeline.stages.media.timing import to_ns
from framegraph.errors import StageError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_READ_ERRORS = 10
"""After this many read errors in a row a file counts as ended."""

NOT_FILMS = frozenset({"tty", "concat"})
"""Formats that FFmpeg finds in plain text: it would render the letters, or open the files they name."""

OnBroken = Callable[[str], None]
"""Called with the reason for each unit that gives no picture."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stamp:
    """A decoded frame's time stamp (None: it has none), duration (0: unknown), and whether it was decoded
    after an error and before the next key frame."""

    raw_ns: int | None
    duration_ns: int
    damaged: bool


def open_video(
    url: str,
    shown: str,
    *,
    threads: int,
    options: Mapping[str, str],
    timeout: tuple[float, float] | None = None,
) -> tuple[InputContainer, VideoStream]:
    """Open `url` for decoding and return it with its main picture stream; the caller closes it.

    `shown` is its name in errors, without a password; `timeout` is for connecting and reading, in seconds.
    Raises StageError, in one sentence, if it is not a film, has no pictures, or cannot be opened.
    """
    import av

    try:
        container = av.open(url, options=dict(options), metadata_errors="replace", timeout=timeout)
    except av.error.FFmpegError as error:
        raise StageError(f"{shown}: cannot be opened as a film: {reason_of(error)}; is it a film?") from None
    return container, main_stream(container, shown, threads=threads)


def main_stream(container: InputContainer, shown: str, *, threads: int) -> VideoStream:
    """Return the main picture stream, ready to be decoded. Raises StageError, with the container closed, if
    there is none."""
    import av

    stream = container.streams.best("video")
    problem = None
    if container.format.name in NOT_FILMS:
        problem = "is text, not a film"
    elif not isinstance(stream, av.VideoStream) or "attached_pic" in (stream.disposition.name or ""):
        problem = "has no moving pictures, only other streams"
    elif stream.codec_context is None:
        problem = "has pictures in a codec that this FFmpeg does not know"
    if problem is not None or not isinstance(stream, av.VideoStream):
        container.close()
        raise StageError(f"{shown}: {problem}; give a film, an image or a folder of images")
    stream.codec_context.thread_count = threads
    stream.codec_context.thread_type = "AUTO" if threads > 1 else "SLICE"
    return stream


def decode(
    packets: Iterable[Packet[VideoStream] | None],
    stream: VideoStream,
    on_broken: OnBroken,
    *,
    from_key_frame: bool = False,
    begin_ns: int | None = None,
) -> Iterator[tuple[VideoFrame, Stamp]]:
    """Yield each complete, deinterlaced frame in display order. None after the packets makes the decoder
    output the frames that it holds back.

    With `from_key_frame`, after a seek, nothing before the first key frame, or the first at or after
    `begin_ns`, is decoded or yielded.
    """
    import av

    deinterlacer: Deinterlacer[Stamp] = Deinterlacer()
    damaged = False
    earliest_pts: int | None = None
    if from_key_frame:
        packets = itertools.dropwhile(lambda packet: not _may_begin(packet, begin_ns), packets)
    for packet in packets:
        if from_key_frame and earliest_pts is None and packet is not None:
            earliest_pts = packet.pts
        if packet is not None and packet.is_corrupt:
            on_broken("a packet is cut off or damaged")
            damaged = True
            continue
        try:
            frames = decode_packet(stream, packet)
        except av.error.FFmpegError as error:
            on_broken(reason_of(error))
            damaged = True
            continue
        for frame in frames:
            damaged = damaged and not frame.key_frame
            if frame.is_corrupt:
                on_broken("a frame is damaged")
                damaged = True
            elif earliest_pts is None or (frame.pts is not None and frame.pts >= earliest_pts):
                yield from deinterlacer.push(frame, _stamp(frame, stream, damaged))
    yield from deinterlacer.flush()


def decode_packet(stream: VideoStream, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
    """Decode one packet and return the frames that are complete by then. This is where a damaged film can end
    the process."""
    return stream.codec_context.decode(packet)


def _may_begin(packet: Packet[VideoStream] | None, begin_ns: int | None) -> bool:
    if packet is None or not packet.is_keyframe:
        return packet is None
    if begin_ns is None:
        return True
    return packet.pts is not None and to_ns(packet.pts, Fraction(packet.time_base or 1)) >= begin_ns


def film_packets(
    container: InputContainer,
    stream: VideoStream,
    on_read_error: OnBroken,
    alive: Callable[[], None],
    on_packet: Callable[[Packet[VideoStream]], None] = lambda _packet: None,
) -> Iterator[Packet[VideoStream] | None]:
    """Yield the packets of `stream` until the end or a break of the file, then None. `alive` is called for
    each: what comes of it is decoded in one step; `on_packet` for each in the file, including empty ones.

    MAX_READ_ERRORS in a row end it; only the first of them is reported, through `on_read_error`.
    """
    import av

    errors = 0
    while errors < MAX_READ_ERRORS:
        try:
            for packet in container.demux(stream):
                errors = 0
                alive()
                if packet.size or packet.dts is not None:
                    on_packet(packet)
                if packet.size:
                    yield packet
            break
        except av.error.FFmpegError as error:
            # One break causes many errors, because reading is retried.
            if errors == 0:
                on_read_error(f"cannot be read: {reason_of(error)}")
            errors += 1
    yield None


def _stamp(frame: VideoFrame, stream: VideoStream, damaged: bool) -> Stamp:
    # A frame that the decoder held back to the end has no time base of its own.
    time_base = frame.time_base or stream.time_base
    if not time_base:
        return Stamp(raw_ns=None, duration_ns=0, damaged=damaged)
    return Stamp(
        raw_ns=None if frame.pts is None else to_ns(frame.pts, Fraction(time_base)),
        duration_ns=to_ns(frame.duration or 0, Fraction(time_base)),
        damaged=damaged,
    )


def reason_of(error: Exception) -> str:
    """Return FFmpeg's text for an error, without the url (and its password) that its message repeats."""
    return getattr(error, "strerror", None) or type(error).__name__
