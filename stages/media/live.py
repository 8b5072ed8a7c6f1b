"""One connection to a camera or a network stream: opened, read and decoded, with the cause when it ends."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from fashion_pipeline.stages.media.aspect import pixel_aspect_ratio
from fashion_pipeline.stages.media.connection import Broke, Cause
from fashion_pipeline.stages.media.decoding import OnBroken, Stamp, decode, main_stream, reason_of
from fashion_pipeline.stages.media.uri import HTTP, is_webcam, scheme_of, webcam_device
from framegraph.errors import StageError
from framegraph.support.secrets import split_address, without_password

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

ANALYSE_US = "300000"
"""How much of an RTSP stream FFmpeg probes before it begins: the session description says the rest."""
TIMEOUT_SHARE = 0.9
"""FFmpeg reports some time-outs as other errors: an error after this fraction of the limit was one."""
ERRORS_IN_A_ROW = 10
"""This many units without a picture mean that the stream's codec has changed, not a gap."""

PICTURES = {
    **dict.fromkeys((".jpg", ".jpeg"), "jpeg_pipe"),
    ".png": "png_pipe",
    ".webp": "webp_pipe",
    ".bmp": "bmp_pipe",
}
"""FFmpeg's names of picture formats, by the ending of an address."""

SEGMENTED = frozenset({"hls", "dash"})

REFUSED = frozenset({errno.ECONNREFUSED})
NOT_FOUND = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EHOSTUNREACH, errno.ENETUNREACH})
AUTH = frozenset({errno.EACCES, errno.EPERM})
TIMEOUT = frozenset({errno.ETIMEDOUT, errno.EAGAIN})
NETWORK = frozenset(
    {errno.ECONNRESET, errno.EPIPE, errno.EIO, errno.ECONNABORTED, errno.ENOTCONN, errno.EBUSY}
)

Alive = Callable[[float], None]
"""Called before each step, with the seconds it may take."""


class LiveStream:
    """One address and how to connect to it. Each `frames` makes a new connection; once it is up,
    `on_connected` is called."""

    def __init__(
        self,
        uri: str,
        *,
        protocol: str,
        open_limit_s: float,
        read_limit_s: float,
        picture_limit_s: float,
        threads: int,
        on_broken: OnBroken,
        alive: Alive,
        on_connected: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_connected = on_connected
        self._uri = uri
        self._protocol = protocol
        self._open_limit_s = open_limit_s
        self._read_limit_s = read_limit_s
        self._picture_limit_s = picture_limit_s
        self._threads = threads
        self._on_broken = on_broken
        self._alive = alive
        self.broke = Broke(Cause.END_OF_STREAM)
        """Why the last connection ended, or could not be made."""
        self.codec = ""
        self.has_end = False
        """Whether the input declared a length: then it is a film at an address."""
        self.is_still = False
        """Whether the address gives a single picture rather than a stream."""
        self.comes_in_bursts = False
        """Whether pictures come in segments, many at once and then none for a while."""
        self._pixels: VideoStream | None = None
        self._last_picture_s = 0.0
        self._errors_in_a_row = 0

    def frames(self) -> Iterator[tuple[VideoFrame, Stamp]]:
        """Connect and yield decoded frames until the connection ends; `broke` then says why."""
        opened = self._open()
        if opened is None:
            return
        container, stream = opened
        with closing(container):
            self._on_connected()
            self._last_picture_s, self._errors_in_a_row = time.monotonic(), 0
            # Stamps that FFmpeg derives from a guessed rate are worthless.
            has_stamps = not self.is_still and container.format.name not in ("mpjpeg", "mjpeg")
            for frame, stamp in decode(self._packets(container, stream), stream, self._broken):
                self._last_picture_s, self._errors_in_a_row = time.monotonic(), 0
                yield frame, stamp if has_stamps else Stamp(raw_ns=None, duration_ns=0, damaged=stamp.damaged)

    def pixel_aspect_ratio(self, *, is_on_its_side: bool) -> tuple[int, int]:
        """Return width to height of the current connection's pixels, turned upright."""
        return (
            (1, 1)
            if self._pixels is None
            else pixel_aspect_ratio(self._pixels, is_on_its_side=is_on_its_side)
        )

    def _open(self) -> tuple[InputContainer, VideoStream] | None:
        import av

        self._alive(self._open_limit_s)
        began_s = time.monotonic()
        url, format_, options = self._how()
        scheme = scheme_of(self._uri)
        limits_s = (self._open_limit_s, self._read_limit_s)
        try:
            container = av.open(
                url, format=format_, options=options, metadata_errors="replace", timeout=limits_s
            )
            stream = main_stream(container, without_password(self._uri), threads=self._threads)
        except av.error.FFmpegError as error:
            self.broke = self._why(error, time.monotonic() - began_s, self._open_limit_s, is_opening=True)
            return None
        except StageError:
            self.broke = Broke(Cause.DECODE, "it has no pictures that FFmpeg can decode")
            return None
        self.codec = stream.codec_context.name
        self._pixels = stream
        name = container.format.name
        self.is_still = name.endswith("_pipe") or name == "image2"
        self.comes_in_bursts = name in SEGMENTED
        is_sized = scheme in HTTP and not self.comes_in_bursts and container.size > 0
        self.has_end = not self.is_still and (container.duration is not None or is_sized)
        return container, stream

    def _how(self) -> tuple[str, str | None, dict[str, str]]:
        """Return url, format (None: FFmpeg finds it out) and options for FFmpeg."""
        scheme = scheme_of(self._uri)
        if is_webcam(self._uri):
            return webcam_device(self._uri), "v4l2", {}
        if scheme in ("rtsp", "rtsps"):
            options = {"rtsp_transport": self._protocol, "analyzeduration": ANALYSE_US, "fpsprobesize": "0"}
            return self._uri, None, options
        # By such an ending FFmpeg takes it for a file, whose size it must know, and not every camera says it.
        picture = PICTURES.get(PurePosixPath(self._uri).suffix.lower()) if scheme in HTTP else None
        # Pictures that a transport stream moves to another number stay the stream that is read here.
        return self._uri, picture, {"merge_pmt_versions": "1"}

    def _broken(self, reason: str) -> None:
        self._errors_in_a_row += 1
        self._on_broken(reason)

    def _packets(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[Packet[VideoStream] | None]:
        """Yield the packets of one connection, then None; sets `broke`."""
        import av

        # All streams: sound that goes on without pictures must not keep this from looking at the time.
        packets = container.demux()
        while True:
            self._alive(self._read_limit_s)
            began_s = time.monotonic()
            waited_s = began_s - self._last_picture_s
            is_undecodable = self._errors_in_a_row >= ERRORS_IN_A_ROW
            if waited_s > (self._read_limit_s if is_undecodable else self._picture_limit_s):
                self.broke = Broke(Cause.DECODE, f"data, but no picture for {waited_s:.0f} s")
                return
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                took_s = time.monotonic() - began_s
                self.broke = self._why(error, took_s, self._read_limit_s, is_opening=False)
                break
            if packet is None or not packet.size:
                took_s = time.monotonic() - began_s
                if took_s >= TIMEOUT_SHARE * self._read_limit_s:
                    self.broke = self._silence()
                else:
                    self.broke = Broke(Cause.END_OF_STREAM)
                break
            if packet.stream_index == stream.index:
                yield cast("Packet[VideoStream]", packet)
        yield None

    def _silence(self) -> Broke:
        return Broke(Cause.TIMEOUT, f"nothing came for {self._read_limit_s:g} s")

    def _why(self, error: Exception, took_s: float, limit_s: float, *, is_opening: bool) -> Broke:
        """Sort FFmpeg's many errors into classes that a user can act on."""
        import av

        number = getattr(error, "errno", 0)
        if isinstance(error, (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)):
            return Broke(Cause.AUTH, "user or password is wrong")
        if isinstance(error, av.error.HTTPNotFoundError):
            return Broke(Cause.NOT_FOUND, "the server has no such stream")
        if isinstance(error, av.error.ExitError) or took_s >= TIMEOUT_SHARE * limit_s or number in TIMEOUT:
            if is_opening:
                return Broke(Cause.TIMEOUT, f"no connection within {limit_s:g} s")
            return self._silence()
        if isinstance(error, av.error.EOFError) or (number == errno.EIO and not is_opening):
            return Broke(Cause.END_OF_STREAM, "" if isinstance(error, av.error.EOFError) else "cut off")
        for cause, numbers in (
            (Cause.REFUSED, REFUSED),
            (Cause.NOT_FOUND, NOT_FOUND),
            (Cause.AUTH, AUTH),
            (Cause.NETWORK, NETWORK),
        ):
            if number in numbers:
                if cause is Cause.NETWORK and is_opening and not self._has_host():
                    return Broke(Cause.NOT_FOUND, "the name of the host is not known")
                return Broke(cause, reason_of(error))
        if isinstance(error, av.error.HTTPError | av.error.HTTPClientError):
            return Broke(Cause.NETWORK, reason_of(error))
        return Broke(Cause.DECODE, reason_of(error))

    def _has_host(self) -> bool:
        """Return whether the host name resolves: FFmpeg reports an unknown name as an input/output error."""
        scheme, _user, rest = split_address(self._uri)
        try:
            host = urlsplit(scheme + rest).hostname
            if host:
                socket.getaddrinfo(host, None)
        except (OSError, ValueError):
            return False
        return True
