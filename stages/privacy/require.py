"""The property `require` of sinks that keep or show pictures."""

from __future__ import annotations

from typing import Any

from fashion_pipeline.stages.privacy import BLURRED
from framegraph.packet import Packet
from framegraph.properties import prop

NOTHING = "nothing"


def require_prop() -> Any:
    """Return the property, for the Options of a sink that is a KeepsPictures."""
    return prop(
        NOTHING,
        "Set to blurred, it keeps or shows only pictures that have passed a `blur`; one that has not, such "
        "as a frame that was not analysed, is blurred whole. Quarantine then keeps no picture.",
        choices=(NOTHING, BLURRED),
    )


class KeepsPictures:
    """A sink that keeps or shows pictures and has the property `require`. It stands first among the bases."""

    @classmethod
    def required_marks(cls, options: Any) -> tuple[str, ...]:
        return () if options.require == NOTHING else (options.require,)

    def conceal(self, packet: Packet) -> None:
        """Blur the whole picture of a packet that no `blur` has passed."""
        from fashion_pipeline.stages.privacy.cover import covered_whole

        packet.image_bgr = covered_whole(packet.image_bgr)
