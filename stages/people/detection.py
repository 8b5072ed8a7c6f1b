"""In which frames people are looked for: what `detect` and `track` agree on."""

from __future__ import annotations

from fashion_pipeline.stages.media.uri import is_image
from framegraph.packet import Packet

DISCONTINUITY = "DISCONT"
"""The flag of a frame that does not continue those before it."""


def is_due(packet: Packet, interval: int) -> bool:
    """Tell whether people are to be looked for in a frame: in each `interval`-th, counted by seq.

    Where that one was dropped, the next that is sent takes its place. A still image is always looked at, and
    so is a frame that does not continue those before it, for nothing says who is in it. Only the packet
    decides: any replica gives the same answer, however often the frame is sent.
    """
    return (
        packet.seq // interval != packet.prev_seq // interval
        or DISCONTINUITY in packet.flags
        or is_image(packet.uri)
    )
