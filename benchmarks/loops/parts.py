"""Parts shared by the comparators: decoder, detector, classifier, drawing and encoder, as in the graph."""

import json
import sys
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from fashion_pipeline.fashion.findings import Person

CONFIDENCE = 0.5
"""Of the original's detector."""
NMS = 0.5
"""As `detect` has it by default."""
MODEL = "v2_da"
CRF = 23
QUEUE_LEN = 8
"""Frames that wait between two steps, for those that have queues."""


def decoded(film: str) -> Iterator[np.ndarray]:
    """Yield the frames of a film, BGR, decoded with one thread as the graph's source does."""
    import av

    with av.open(film) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            yield frame.to_ndarray(format="bgr24")


class Finder:
    """The graph's default detector with one thread."""

    def __init__(self) -> None:
        import cv2

        from fashion_pipeline.stages.detectors import SHIPPED, default_confidence, open_detector
        from fashion_pipeline.stages.detectors.detector import DetectorSettings

        cv2.setNumThreads(1)
        self._detector = open_detector(
            SHIPPED, DetectorSettings(confidence=default_confidence(SHIPPED), iou=NMS)
        )

    def find(self, image_bgr: np.ndarray) -> list[Person]:
        boxes, scores = self._detector.detect(image_bgr)
        return [
            {"box": box, "score": score} for box, score in zip(boxes.tolist(), scores.tolist(), strict=True)
        ]


class Namer:
    """The classifier of pipeline-classic.yaml by the same engine, one person at a time."""

    def __init__(self) -> None:
        from fashion_pipeline.fashion.classifiers import open_classifier, open_cutter

        self._cutter = open_cutter(MODEL)
        self._classifier = open_classifier(MODEL, "auto", threads=1, device="cpu")

    def name(self, image_bgr: np.ndarray, people: list[Person]) -> None:
        for person in people:
            crop = self._cutter.cut(image_bgr, person["box"])
            if crop is not None:
                person["garments"] = self._classifier.predict([crop], [person["box"]])[0][0]


class Film:
    """H.264 in MP4. With the graph's own settings by default; notes when frames were written."""

    def __init__(self, path: str, options: dict[str, str] | None = None, *, threads: int = 1) -> None:
        import av

        from fashion_pipeline.stages.recording.encoder import encoder_options

        self.frames = 0
        self.people = 0
        self._container = av.open(path, "w")
        self._stream = self._container.add_stream("libx264", rate=10)
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = Fraction(1, 10)
        self._stream.codec_context.thread_count = threads
        self._stream.options = {**(options or encoder_options("libx264", crf=CRF, preset="veryfast"))}
        self._first_s = self._last_s = 0.0

    def draw(self, image_bgr: np.ndarray, people: list[Person]) -> None:
        """Draw as the graph's sink does, then write."""
        from fashion_pipeline.stages.drawing.draw import draw_people

        image_bgr = image_bgr.copy()
        draw_people(image_bgr, people)
        self.write(image_bgr, len(people))

    def write(self, image_bgr: np.ndarray, people: int) -> None:
        self._last_s = time.monotonic()
        self._first_s = self._first_s or self._last_s
        self._encode(image_bgr)
        self.frames, self.people = self.frames + 1, self.people + people

    def _encode(self, image_bgr: np.ndarray) -> None:
        import av

        if self.frames == 0:
            self._stream.height, self._stream.width = image_bgr.shape[:2]
        frame = av.VideoFrame.from_ndarray(image_bgr, format="bgr24").reformat(format="yuv420p")
        frame.pts = self.frames
        self._container.mux(self._stream.encode(frame))

    def _finish(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def close(self) -> None:
        """Complete the film and print what `benchmarks.throughput` reads."""
        self._finish()
        fps = (self.frames - 1) / (self._last_s - self._first_s)
        print(json.dumps({"frames": self.frames, "people": self.people, "fps": fps}))


def arguments() -> tuple[str, str]:
    film, output = sys.argv[1:]
    return film, output
