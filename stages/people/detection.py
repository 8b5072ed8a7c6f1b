"""The frames in which people are looked for, on which `detect` and `track` agree."""

from __future__ import annotations

from fashion_pipeline.stages.media.uri import is_image
from framegraph.packet import Packet

DISCONTINUITY = "DISCONT"
"""The flag of a frame that does not continue those before it."""


def is_due(packet: Packet, interval: int) -> bool:
    """Return whether to look for people in a frame: in every `interval`-th, counted by seq.

    If that one was dropped, the next that is sent takes its place. Still images are always searched, and so
    are frames that do not continue those before them, because nothing says who is in them. Only the packet
    decides: every replica gives the same answer, however often the frame is sent.
    """
    return (
        packet.seq // interval != packet.prev_seq // interval
        or DISCONTINUITY in packet.flags
        or is_image(packet.uri)
    )
