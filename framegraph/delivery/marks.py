"""The rule that a sink which requires marks never gets a payload without them."""

from typing import Any

from framegraph.packet import Packet
from framegraph.stage import Stage


def conceal_unmarked(stage: Stage[Any], packet: Packet) -> bool:
    """Have a sink conceal the payload if it lacks a required mark, then mark it; return whether it did."""
    required = stage.required_marks(stage.options)
    if all(mark in packet.marks for mark in required):
        return False
    stage.conceal(packet)
    packet.mark(*required)
    return True
