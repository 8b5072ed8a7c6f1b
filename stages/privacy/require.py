"""The property `require` of sinks that keep or show pictures."""

from __future__ import annotations

from typing import Any

from fashion_pipeline.stages.privacy import BLURRED
from framegraph.packet import Packet
from framegraph.properties import prop


def require_prop() -> Any:
    """Return the property, for the Options of a sink that is a KeepsPictures."""
    return prop(
        "",
        "blurred: keep or show only pictures that have passed a `blur`; one that has not, such as a frame "
        "that was not analysed, is blurred whole, and quarantine keeps no picture (docs/privacy.md).",
        choices=("", BLURRED),
    )


class KeepsPictures:
    """A sink that keeps or shows pictures and has the property `require`. It stands first among the bases."""

    @classmethod
    def required_marks(cls, options: Any) -> tuple[str, ...]:
        return (options.require,) if options.require else ()

    def conceal(self, packet: Packet) -> None:
        """Blur the whole picture of a packet that no `blur` has passed."""
        from fashion_pipeline.stages.privacy.cover import covered_whole

        packet.image_bgr = covered_whole(packet.image_bgr)
