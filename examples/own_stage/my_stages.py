"""A stage of your own: one class in a file beside the graph, named `my_stages.Blur` in it."""

import dataclasses

from fashion_pipeline.fashion.findings import people_in
from framegraph.packet import Packet
from framegraph.properties import prop
from framegraph.stage import Stage


class Blur(Stage["Blur.Options"]):
    """Blur every person, so that the film can be shown to anybody."""

    takes = ("people",)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        strength: int = prop(25, "Side of the blur in pixels.", low=3, high=199)

    def process(self, packet: Packet) -> Packet:
        import cv2

        image_bgr = packet.image_bgr.copy()
        height, width = image_bgr.shape[:2]
        for person in people_in(packet.meta):
            x0, y0, x1, y1 = (round(edge) for edge in person["box"])
            x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
            if x1 > x0 and y1 > y0:
                side = self.options.strength
                image_bgr[y0:y1, x0:x1] = cv2.blur(image_bgr[y0:y1, x0:x1], (side, side))
        # From here on the packet carries this picture in place of the camera's.
        packet.image_bgr = image_bgr
        return packet
