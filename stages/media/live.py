"""A network stream: one connection, played as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from stages.media.decoding import OnBroken, decode, open_video
from stages.media.pictures import Turns, to_bgr
from stages.media.timing import RisingClock, Shot
from stages.media.uri import scheme_of, without_password

OPEN_LIMIT_S = 10.0
READ_LIMIT_S = 10.0
USUAL_SHOT_NS = 40_000_000

OPTIONS_BY_SCHEME = {"rtsp": {"rtsp_transport": "tcp"}, "rtsps": {"rtsp_transport": "tcp"}}


class LiveStream:
    """One network stream. It is connected when it is played, and cannot be played twice the same."""

    def __init__(
        self, uri: str, *, threads: int, width: int | None, on_broken: OnBroken, on_break: OnBroken
    ) -> None:
        self._url = uri
        self._uri = without_password(uri)
        self._threads = threads
        self._width = width
        self._on_broken = on_broken
        self._on_break = on_break
        self._turns = Turns()

    def shots(self) -> Iterator[Shot]:
        """Connect and yield shots until the stream ends or a read takes longer than its limit.

        `on_break` is told why if it ends by an error. Raises StageError if it cannot be opened.
        """
        container, stream = open_video(
            self._url,
            self._uri,
            threads=self._threads,
            options=OPTIONS_BY_SCHEME.get(scheme_of(self._url), {}),
            timeout_s=(OPEN_LIMIT_S, READ_LIMIT_S),
        )
        with container:
            clock = RisingClock(USUAL_SHOT_NS)
            for frame, stamp in decode(container, stream, self._on_broken, self._on_break, max_read_errors=1):
                yield Shot(
                    pts_ns=clock.stamp(stamp.raw_ns),
                    duration_ns=stamp.duration_ns or USUAL_SHOT_NS,
                    uri=self._uri,
                    read=partial(to_bgr, frame, self._width, self._turns),
                    damaged=stamp.damaged,
                )
