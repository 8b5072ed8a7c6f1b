"""A film's length by its header against what came, to report films that are cut off or have gaps."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from fashion_pipeline.stages.media.timing import NS_PER_S, to_ns

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

WITH_LENGTH = ("matroska", "flv", "asf", "mov")
"""Formats (by the first of FFmpeg's names) whose header declares the length; for others it is a guess."""
SEGMENT_ID = bytes.fromhex("18538067")
HEAD_BYTES = 4096
TS_PACKET_BYTES = (188, 192, 204)
AVI_INDEX, TAIL_BYTES = b"idx1", 1 << 20
"""The index of an AVI: 16 bytes for each packet."""
SEGMENT_ID = bytes.fromhex("18538067")
HEAD_BYTES = 4096
TS_PACKET_BYTES = (188, 192, 204)
MP4 = "mov"
STEADY_SHARE = Fraction(95, 100)
"""A film has a steady rate if this fraction of its frames have the most common duration."""
NEAR = Fraction(1, 5)
MAX_GAPS = 1000
HOLE_SHARE = 0.75
"""Of the bytes that so much film has in the mean."""
TOLERANCE_S = 1.0
"""Where frames have no steady rate, a film may end so much before its header says."""
SOUND_TOLERANCE_NS = NS_PER_S // 4
"""… and all streams so much."""
FEW = 2
FEW_SHARE = Fraction(1, 100)
"""Lengths are rounded, and the last frame's is often not declared: this few frames are no loss."""


@dataclasses.dataclass(frozen=True)
class Shortfall:
    """Missing frames: their number, and a sentence about it."""

    missing: int
    words: str


@dataclasses.dataclass(frozen=True)
class Promise:
    """What the header says: how many packets, and where the pictures end (None: it does not); and whether the
    file itself ends in the middle of a packet."""

    count: int | None
    end_ns: int | None
    is_cut_packet: bool = False
    is_short: bool = False
    """Whether the file has fewer bytes than its header says."""


class Came:
    """The frames that came from a film, summarised in little memory."""

    def __init__(self) -> None:
        self.packets = 0
        self.frames = 0
        self.broken = 0
        self.first_ns = 0
        self.last_ns = 0
        self._gaps_ms: Counter[int] = Counter()
        self._longest_gap_ns = 0
        self._longest_skip = 0
        self._end = 0

    def packet(self, packet: Packet[VideoStream]) -> None:
        """Note a packet of the file, in its order."""
        self.packets += 1
        if packet.pos is not None and packet.pos >= self._end:
            if self._end:
                self._longest_skip = max(self._longest_skip, packet.pos - self._end)
            self._end = packet.pos + packet.size

    @property
    def has_hole(self) -> bool:
        """Whether about as many bytes were skipped as the longest gap between pictures would have:
        a mere pause has few."""
        span_ns = self.last_ns - self.first_ns
        return span_ns > 0 and self._longest_skip > HOLE_SHARE * self._longest_gap_ns * self._end / span_ns

    def frame(self, pts_ns: int) -> None:
        if self.frames == 0:
            self.first_ns = pts_ns
        else:
            self._longest_gap_ns = max(self._longest_gap_ns, pts_ns - self.last_ns)
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
        near = {
            gap: n
            for gap, n in self._gaps_ms.items()
            if abs(gap - usual_ms) <= max(Fraction(1), usual_ms * NEAR)
        }
        if sum(near.values()) < STEADY_SHARE * self._gaps_ms.total() or usual_ms <= 0:
            return 0
        # Their mean: stamps in whole milliseconds are 33 and 34 by turns.
        return round(1e6 * sum(gap * n for gap, n in near.items()) / sum(near.values()))


def promised_count(container: InputContainer, stream: VideoStream, tail: bytes) -> int | None:
    """Return how many packets the header of a film tells that was opened and not read; None: it does not.

    tail: the last bytes of the file, TAIL_BYTES or all of them.
    """
    count, format_ = stream.frames or None, _format(container)
    # In the header's number is also what an edit list cuts off, or what an encoder left empty. Of an AVI that
    # without its index, which is at its end, FFmpeg lists what it has seen so far.
    has_index = format_ == "mov" or (format_ == "avi" and AVI_INDEX in tail)
    if count and has_index and len(stream.index_entries):
        return min(count, len(stream.index_entries))
    return count


def promise_of(
    container: InputContainer,
    stream: VideoStream,
    *,
    count: int | None,
    size_bytes: int | None,
    head: bytes,
    last_ns: int,
) -> Promise:
    """Return what the header of a film that was read promises.

    count: its `promised_count`. size_bytes: of the file, None if that is not known; head: its first bytes.
    last_ns: where its pictures ended. The container is read once more where that is needed.
    """
    format_ = _format(container)
    end_ns = None
    if count is None and format_ in WITH_LENGTH:
        end_ns = _length_ns(stream.metadata.get("DURATION", ""))
        if end_ns is None and container.duration is not None:
            end_ns = (container.duration + (container.start_time or 0)) * 1000
            if container.streams.audio:
                # That of the longest stream: what else there is says whether it was cut.
                is_early = end_ns - last_ns > SOUND_TOLERANCE_NS
                is_cut = is_early and end_ns - _end_ns(container) > SOUND_TOLERANCE_NS
                end_ns = end_ns if is_cut else None
    is_cut = format_ == "mpegts" and bool(size_bytes) and all((size_bytes or 0) % n for n in TS_PACKET_BYTES)
    return Promise(
        count, end_ns, is_cut, is_short=format_ == "matroska" and is_short_matroska(head, size_bytes)
    )


def shortfall(promise: Promise, came: Came) -> Shortfall | None:
    """Return what is missing from a film played from beginning to end; None if nothing is."""
    if promise.count is not None:
        missing = promise.count - came.packets
        words = f"its header promises {promise.count} frames, {came.frames} came"
        return Shortfall(missing, f"{words}; is it cut off, or has it a hole?") if missing > 0 else None
    usual_ns = came.usual_ns
    end_ns = max(promise.end_ns or 0, came.last_ns + usual_ns)
    if usual_ns and came.frames:
        is_damaged = came.broken or came.has_hole or promise.is_short
        span_ns = end_ns - came.first_ns if is_damaged else end_ns - came.last_ns
        expected = round(span_ns / usual_ns) + (0 if is_damaged else came.frames - 1)
        missing = expected - came.frames - came.broken
        if missing > max(Fraction(FEW), expected * FEW_SHARE):
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


def is_short_matroska(head: bytes, size_bytes: int | None) -> bool:
    """Return whether a Matroska file is shorter than its segment's size (RFC 8794, RFC 9559)."""
    at = head.find(SEGMENT_ID)
    if at < 0 or size_bytes is None or len(head) < at + 12:
        return False
    first = head[at + 4]
    length = 9 - first.bit_length()
    coded = head[at + 4 : at + 4 + length]
    size = int.from_bytes(coded, "big") & ((1 << 7 * length) - 1)
    is_unknown = size == (1 << 7 * length) - 1
    return not is_unknown and 0 < length <= 8 and size_bytes < at + 4 + length + size


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
    """Return the length in Matroska's tag DURATION, "00:00:02.000000000", in nanoseconds."""
    match = re.fullmatch(r"(\d+):(\d+):(\d+)\.(\d{1,9})", text.strip())
    if not match:
        return None
    hours, minutes, seconds = (int(part) for part in match.groups()[:3])
    return ((hours * 60 + minutes) * 60 + seconds) * NS_PER_S + int(match[4].ljust(9, "0"))
