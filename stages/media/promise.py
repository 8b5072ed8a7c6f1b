"""What a film's header promises, and how much of it came: a film that is cut off, or has a hole, says so."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from stages.media.timing import NS_PER_S, to_ns

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

WITH_LENGTH = ("matroska", "flv", "asf", "mov")
"""Formats (the first of FFmpeg's names for them) whose header tells the length; others are guesses."""
TS_PACKET_BYTES = (188, 192, 204)
WITH_INDEX = ("mov", "avi")
"""… and whose index tells what is in the file."""
STEADY_SHARE = Fraction(95, 100)
"""A film has one rate if so many of its frames are as long as most."""
NEAR = Fraction(1, 5)
MAX_GAPS = 1000
TOLERANCE_S = 1.0
"""Where frames have no steady rate, a film may end so much before its header says."""
FEW = 2
FEW_SHARE = Fraction(1, 100)
"""A length is rounded, and the last frame's own is often not told: so few frames are no loss."""


@dataclasses.dataclass(frozen=True)
class Shortfall:
    """Frames that did not come: how many, and a sentence about it."""

    missing: int
    words: str


@dataclasses.dataclass(frozen=True)
class Promise:
    """What the header says: how many packets, and where the pictures end (None: it does not); and whether the
    file itself ends in the middle of a packet."""

    count: int | None
    end_ns: int | None
    is_cut_packet: bool


class Came:
    """What came of a film, noted frame by frame in little memory."""

    def __init__(self) -> None:
        self.packets = 0
        self.frames = 0
        self.broken = 0
        self.first_ns = 0
        self.last_ns = 0
        self._gaps_ms: Counter[int] = Counter()

    def packet(self) -> None:
        self.packets += 1

    def frame(self, pts_ns: int) -> None:
        if self.frames == 0:
            self.first_ns = pts_ns
        else:
            gap_ms = round((pts_ns - self.last_ns) / 1e6)
            if gap_ms in self._gaps_ms or len(self._gaps_ms) < MAX_GAPS:
                self._gaps_ms[gap_ms] += 1
        self.frames += 1
        self.last_ns = pts_ns

    @property
    def usual_ns(self) -> int:
        """The usual duration of a frame; 0 where there is none, for the film has no steady rate."""
        if not self._gaps_ms:
            return 0
        usual_ms = self._gaps_ms.most_common(1)[0][0]
        near = {gap: n for gap, n in self._gaps_ms.items() if abs(gap - usual_ms) <= max(1, usual_ms * NEAR)}
        if sum(near.values()) < STEADY_SHARE * self._gaps_ms.total() or usual_ms <= 0:
            return 0
        # Their mean: stamps in whole milliseconds are 33 and 34 by turns.
        return round(1e6 * sum(gap * n for gap, n in near.items()) / sum(near.values()))


def promised_count(container: InputContainer, stream: VideoStream) -> int | None:
    """Return how many packets the header of a film tells that was opened and not read; None: it does not."""
    count = stream.frames or None
    if count and _format(container) in WITH_INDEX and len(stream.index_entries) > 1:
        # In the header's number is also what an edit list cuts off, or what an encoder left empty.
        count = min(count, len(stream.index_entries))
    return count


def promise_of(
    container: InputContainer,
    stream: VideoStream,
    *,
    count: int | None,
    size_bytes: int | None,
    last_ns: int,
) -> Promise:
    """Return what the header of a film that was read promises.

    count: its `promised_count`. size_bytes: of the file, None if that is not known. last_ns: where its
    pictures ended. The container is read once more where that is needed.
    """
    format_ = _format(container)
    end_ns = None
    if count is None and format_ in WITH_LENGTH:
        end_ns = _length_ns(stream.metadata.get("DURATION", ""))
        if end_ns is None and container.duration is not None:
            end_ns = (container.duration + (container.start_time or 0)) * 1000
            if container.streams.audio and end_ns - last_ns > TOLERANCE_S * NS_PER_S:
                # That of the longest stream: what else there is says whether it was cut.
                rest_ns = end_ns - _end_ns(container)
                end_ns = end_ns if rest_ns > TOLERANCE_S * NS_PER_S else None
    is_cut = format_ == "mpegts" and bool(size_bytes) and all((size_bytes or 0) % n for n in TS_PACKET_BYTES)
    return Promise(count, end_ns, is_cut)


def shortfall(promise: Promise, came: Came) -> Shortfall | None:
    """Return what did not come of a film that was played from its beginning to its end; None if all came."""
    if promise.count is not None:
        missing = promise.count - came.packets
        words = f"its header promises {promise.count} frames, {came.frames} came"
        return Shortfall(missing, f"{words}; is it cut off, or has it a hole?") if missing > 0 else None
    usual_ns = came.usual_ns
    end_ns = max(promise.end_ns or 0, came.last_ns + usual_ns)
    if usual_ns and came.frames:
        expected = round((end_ns - came.first_ns) / usual_ns)
        missing = expected - came.frames - came.broken
        if missing > max(FEW, expected * FEW_SHARE):
            by = "header" if promise.end_ns is not None else "rate"
            words = f"by its {by} it has about {expected} frames, {came.frames} came"
            return Shortfall(missing, f"{words}; is it cut off, or has it a hole?")
    elif promise.end_ns is not None and promise.end_ns - came.last_ns > TOLERANCE_S * NS_PER_S:
        span_ns = max(1, came.last_ns - came.first_ns)
        missing = max(1, round((promise.end_ns - came.last_ns) * came.frames / span_ns))
        words = f"its header promises {promise.end_ns / NS_PER_S:.1f} s, {came.last_ns / NS_PER_S:.1f} s came"
        return Shortfall(missing, f"{words} ({came.frames} frames); is it cut off?")
    if promise.is_cut_packet:
        return Shortfall(1, f"it ends in the middle of a packet, {came.frames} frames came; it is cut off")
    return None


def _format(container: InputContainer) -> str:
    return container.format.name.partition(",")[0]


def _end_ns(container: InputContainer) -> int:
    """Return where the last packet of any stream stands."""
    import av

    end_ns = 0
    try:
        container.seek(0)
        for packet in container.demux():
            if packet.dts is not None and packet.time_base:
                end_ns = max(end_ns, to_ns(packet.dts, packet.time_base))
    except av.error.FFmpegError:
        pass  # a break of the file is an end
    return end_ns


def _length_ns(text: str) -> int | None:
    """Return the length that Matroska's tag DURATION tells, "00:00:02.000000000", in nanoseconds."""
    match = re.fullmatch(r"(\d+):(\d+):(\d+)\.(\d{1,9})", text.strip())
    if not match:
        return None
    hours, minutes, seconds = (int(part) for part in match.groups()[:3])
    return ((hours * 60 + minutes) * 60 + seconds) * NS_PER_S + int(match[4].ljust(9, "0"))
