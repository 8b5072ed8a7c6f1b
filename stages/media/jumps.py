"""Clock jumps within one film: concatenated pieces, or a clock that was set."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from fashion_pipeline.stages.media.timing import NS_PER_S, to_ns

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

TS_DISCONT = 0x0200  # AVFMT_TS_DISCONT
BACK_NS = NS_PER_S // 10
FORWARD_NS = 10 * NS_PER_S
FORWARD_FRAMES = 10
"""FFmpeg's own limits for such formats: a tenth of a second back, ten seconds on."""

JOINT_PACKETS = 2
WRAP_S = 2**33 / 90_000

OnJump = Callable[[str], None]
"""Called with a sentence for each jump."""


def may_jump(container: InputContainer) -> bool:
    """Return whether time stamps of the format may jump, as in a transport stream; in other formats a long
    pause is just that."""
    return bool(int(container.format.flags) & TS_DISCONT)


class Jumps:
    """Moves the time stamps of a stream's packets, in the order of the file, so that they go on at a jump.

    `usual_ns` is the usual duration of a frame, until the stream itself tells it. Without `is_active` stamps
    stay as they are. The wrap of a transport stream's 33 bits is FFmpeg's affair; what it leaves of it is a
    jump as well.
    """

    def __init__(self, usual_ns: int, *, is_active: bool, on_jump: OnJump | None = None) -> None:
        self.offsets_ns = [0]
        """Offsets added to the stamps, one from each jump on."""
        self.joints: list[tuple[int, int]] = []
        """Where in the file each jump is: the places in bytes of the packets before and after it."""
        self._place = 0
        self._usual_ns = usual_ns
        self._is_active = is_active
        self._on_jump = on_jump
        self._last_ns: int | None = None

    def steady(self, packets: Iterator[Packet[VideoStream] | None]) -> Iterator[Packet[VideoStream] | None]:
        """Pass the packets on, their stamps moved.

        At a joint the format's counters jump too, and FFmpeg calls one of the last packets before it damaged,
        whole as it is.
        """
        held: deque[Packet[VideoStream]] = deque()
        for packet in packets:
            if packet is not None:
                jumps = len(self.offsets_ns)
                self.move(packet)
                if len(self.offsets_ns) > jumps:
                    for before in held:
                        before.is_corrupt = False
                held.append(packet)
            while held and (packet is None or len(held) > (JOINT_PACKETS if self._is_active else 0)):
                yield held.popleft()
            if packet is None:
                yield None

    def move(self, packet: Packet[VideoStream]) -> None:
        """Move the stamps of the next packet."""
        time_base = Fraction(packet.time_base or 1)
        ticks = packet.dts if packet.dts is not None else packet.pts
        if not self._is_active or ticks is None:
            return
        raw_ns = to_ns(ticks, time_base)
        now_ns = raw_ns + self.offsets_ns[-1]
        if self._last_ns is not None:
            step_ns = now_ns - self._last_ns
            if step_ns < -BACK_NS or step_ns > max(FORWARD_NS, FORWARD_FRAMES * self._usual_ns):
                self._say(now_ns)
                now_ns = self._last_ns + self._usual_ns
                self.offsets_ns.append(now_ns - raw_ns)
                self.joints.append((self._place, packet.pos or self._place))
            elif step_ns > 0:
                self._usual_ns = step_ns
        self._last_ns, self._place = now_ns, max(self._place, packet.pos or 0)
        moved = round(Fraction(self.offsets_ns[-1], NS_PER_S) / time_base)
        if moved:
            packet.pts = None if packet.pts is None else packet.pts + moved
            packet.dts = None if packet.dts is None else packet.dts + moved

    def _say(self, now_ns: int) -> None:
        if self._on_jump is not None and self._last_ns is not None:
            self._on_jump(jump_words(self._last_ns, now_ns))


def jump_words(last_ns: int, now_ns: int) -> str:
    """Return a sentence on a jump from one time stamp to another."""
    step_s, at_s = (now_ns - last_ns) / NS_PER_S, last_ns / NS_PER_S
    if abs(step_s) > WRAP_S / 2:  # FFmpeg has taken a jump for the wrap of the clock
        step_s -= math.copysign(WRAP_S, step_s)
    way = "on" if step_s > 0 else "back"
    return f"its clock jumps {way} by {abs(step_s):.1f} s at {at_s:.1f} s; the pictures go on without a break"
