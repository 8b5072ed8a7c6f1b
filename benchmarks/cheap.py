"""Stages that cost next to nothing, so that the graph itself is measured: blank frames, no work, a pause."""

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fashion_pipeline.fashion.findings import findings_in
from fashion_pipeline.stages.source import FilmSource
from fashion_pipeline.stages.video_sink import VideoSink
from framegraph.packet import Packet
from framegraph.properties import NoOptions, prop
from framegraph.stage import Cut, Frame, Resume, Sink, Source, Stage

FRAME_NS = 40_000_000


class Blank(Source["Blank.Options"]):
    """The same grey picture again and again, as fast as it is taken, or at a pace."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        frames: int = prop(1000, "How many.")
        width: int = prop(640, "Of the picture, in pixels.")
        height: int = prop(360, "Of the picture, in pixels.")
        seconds: float = prop(0.0, "End after this long, whatever `frames` says; 0: no limit.")

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        image_bgr = np.full((self.options.height, self.options.width, 3), 127, np.uint8)
        until_s = time.monotonic() + (self.options.seconds or float("inf"))
        for number in range(resume.captured if resume else 0, self.options.frames):
            if time.monotonic() > until_s:
                return
            time_ns = number * FRAME_NS
            yield Frame(payload=image_bgr, pts_ns=time_ns, running_ns=time_ns, duration_ns=FRAME_NS)

    @property
    def length(self) -> int:
        return int(self.options.frames)


class Pass(Stage[NoOptions]):
    """Answer each packet as it is."""


class Repaint(Stage[NoOptions]):
    """Give each packet a picture of its own, so that its pixels cross every link from here on."""

    def process(self, packet: Packet) -> Packet:
        packet.image_bgr = packet.image_bgr
        return packet


class Sleep(Stage["Sleep.Options"]):
    """A detector that sleeps instead of computing: one person in each frame."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        sleep_ms: float = prop(20.0, "How long each packet takes.")

    def process(self, packet: Packet) -> Packet:
        time.sleep(self.options.sleep_ms / 1000)
        findings_in(packet.meta)["people"] = [{"box": [0.0, 0.0, 8.0, 8.0], "score": 0.5}]
        return packet


class Nowhere(Sink[NoOptions]):
    """Take each frame and keep nothing."""

    def process(self, packet: Packet) -> Packet:
        return packet


class Paced(FilmSource):
    """A film, its frames as far apart as a camera's."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options(FilmSource.Options):
        fps: float = prop(10.0, "Frames a second.", low=0.1)

    options: Options

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        next_s = time.monotonic()
        for frame in super().frames(resume):
            time.sleep(max(0.0, next_s - time.monotonic()))
            next_s = max(next_s + 1 / self.options.fps, time.monotonic())
            yield frame


class TimedFilm(VideoSink):
    """The film sink, which writes beside its film when each frame was captured (seconds) and how long after
    that it was committed (milliseconds)."""

    def open_at(self, location: Path, cut: Cut | None) -> None:
        super().open_at(location, cut)
        self._captured_ns: int | None = None
        self._latencies: list[tuple[float, float]] = []

    def process(self, packet: Packet) -> Packet:
        self._captured_ns = packet.capture_time_ns
        return super().process(packet)

    def position(self) -> Cut:
        # The machine asks for the position right after each frame, and then commits it.
        if self._captured_ns is not None:
            latency_ms = (time.time_ns() - self._captured_ns) / 1e6
            self._latencies.append((self._captured_ns / 1e9, latency_ms))
            self._captured_ns = None
        return super().position()

    def finish(self) -> None:
        super().finish()
        self._location.with_suffix(".json").write_text(json.dumps(self._latencies))
