"""display_sink: a window that shows what was found, paced by the time stamps."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

from fashion_pipeline.stages.media import BGR
from fashion_pipeline.stages.media.aspect import square_view
from fashion_pipeline.stages.media.pace import Pace
from fashion_pipeline.stages.privacy.require import KeepsPictures, require_prop
from framegraph.errors import GraphError, StageError
from framegraph.packet import Image, Packet
from framegraph.properties import Seconds, prop
from framegraph.stage import Sink

QUIT_KEYS = frozenset({ord("q"), ord("Q"), 27})
"""27 is Esc."""
SLICE_MS = 20
"""Longest time for which the window's events are handled in one go while a frame is not yet due."""
X11_SOCKETS = Path("/tmp/.X11-unix")


class DisplaySink(KeepsPictures, Sink["DisplaySink.Options"]):
    """Show each frame with its people in a window when it is due. q or closing the window quits.

    A frame may be shown twice after a fault.
    """

    payload = BGR

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        title: str = prop("", "Title of the window; empty: the names of stage and source.")
        sync: bool = prop(True, "Show each frame when it is due; false: as soon as it arrives.")
        max_width: int = prop(
            1280, "Wider pictures are scaled down to this width, in pixels.", low=64, high=16_384
        )
        max_wait: Seconds = prop(2.0, "Longer gaps between two frames are skipped.", low=0, high=20)
        require: str = require_prop()

    wants_stop: bool = False
    """True once the user has quit: the run should then end as after the first Ctrl-C."""

    @classmethod
    def check(cls, options: Options) -> None:
        problem = screen_problem(dict(os.environ))
        if problem:
            raise GraphError(problem)

    def open(self) -> None:
        from fashion_pipeline.stages.drawing.draw import letterbox
        from fashion_pipeline.stages.drawing.fitting import drawn_frame

        self._drawn_frame, self._letterbox = drawn_frame, letterbox
        problem = screen_problem(dict(os.environ))
        if problem:
            raise StageError(problem)
        self._pace = Pace(self.options.max_wait)
        self._title = self.options.title or f"{self.context.name}: {self.context.source}"
        self._is_open = False

    def process(self, packet: Packet) -> Packet:
        if self.wants_stop:
            # The run is draining: remaining frames are accepted, but the window is gone.
            return packet
        image_bgr = self._drawn(packet)
        if self.options.sync:
            self._serve(self._pace.wait_s(packet.running_ns, time.monotonic()))
        if not self.wants_stop:
            self._show(image_bgr)
            self._serve(0)
        return packet

    def _drawn(self, packet: Packet) -> Image:
        seen_bgr, people = square_view(packet)
        height, width = seen_bgr.shape[:2]
        size_wh = width, height
        image_bgr = self._drawn_frame(seen_bgr, people, packet.status, people_wh=size_wh, size_wh=size_wh)
        scale = min(1.0, self.options.max_width / width)
        fitted_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
        return image_bgr if scale == 1.0 else self._letterbox(image_bgr, fitted_wh)

    def _show(self, image_bgr: Image) -> None:
        import cv2

        if not self._is_open:
            cv2.namedWindow(self._title, cv2.WINDOW_AUTOSIZE)
            self._is_open = True
        cv2.imshow(self._title, image_bgr)

    def _serve(self, wait_s: float) -> None:
        """Handle the window's events for `wait_s`, at least once, and note whether the user quits."""
        import cv2

        until_s = time.monotonic() + wait_s
        while self._is_open or wait_s > 0:
            rest_ms = round(1000 * (until_s - time.monotonic()))
            key = cv2.waitKey(max(1, min(SLICE_MS, rest_ms))) if self._is_open else -1
            if not self._is_open:
                time.sleep(max(0.0, min(SLICE_MS, rest_ms) / 1000))
            elif key & 0xFF in QUIT_KEYS or cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
                self.log.info("quit at the window")
                self.wants_stop = True
                self.close()
            if self.wants_stop or time.monotonic() >= until_s:
                return

    def remarks(self) -> list[str]:
        return ["quit at the window"] if self.wants_stop else []

    def close(self) -> None:
        if getattr(self, "_is_open", False):
            import cv2

            cv2.destroyAllWindows()
            self._is_open = False


def screen_problem(environment: dict[str, str]) -> str:
    """Return why no window can be opened, with the remedy, or "". The window library would abort instead."""
    display = environment.get("DISPLAY", "")
    if not display and not environment.get("WAYLAND_DISPLAY"):
        return "display_sink needs a screen, but DISPLAY is not set; take the stage out, or use ssh -X"
    number = display.removeprefix(":").partition(".")[0]
    if display.startswith(":") and not (X11_SOCKETS / f"X{number}").exists():
        return f"display_sink needs a screen, but there is none at DISPLAY={display}; set DISPLAY to one"
    return ""
