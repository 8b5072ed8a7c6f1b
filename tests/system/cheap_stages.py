"""Stages that cost next to nothing, for tests of the machine: no film, no network."""

import dataclasses
import os
import signal
import time
from collections.abc import Iterator

import numpy as np

from framegraph.errors import GraphError, StageError
from framegraph.files import CutFileSink
from framegraph.packet import Packet
from framegraph.properties import NoOptions, prop
from framegraph.stage import Frame, Ordered, Resume, Sink, Source, Stage

FRAME_NS = 40_000_000


class Counter(Source["Counter.Options"]):
    """Frames whose first pixels hold their number: what a sink gets can be told from what was sent."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        frames: int = prop(50, "How many.")
        size: int = prop(64, "Side of the picture in pixels.")
        grow_on: int = prop(-1, "From this frame on the picture's side is ten times as long.")
        crash_on: int = prop(-1, "Kill this process when this frame is asked for.")

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        for number in range(resume.captured if resume else 0, self.options.frames):
            if number == self.options.crash_on:
                # First let what is captured be committed, so that each death is one without progress.
                time.sleep(0.5)
                os.abort()
            side_px = self.options.size * (10 if 0 <= self.options.grow_on <= number else 1)
            image_bgr = np.full((side_px, side_px, 3), number % 200, np.uint8)
            image_bgr[0, 0] = (number & 255, number >> 8 & 255, 0)
            time_ns = number * FRAME_NS
            yield Frame(payload=image_bgr, pts_ns=time_ns, running_ns=time_ns, duration_ns=FRAME_NS)

    @property
    def length(self) -> int:
        return int(self.options.frames)


class Ticker(Source["Ticker.Options"]):
    """A camera that needs no camera: frames at a steady rate; `live: false` waits like a film, and drops none."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        uri: str = prop("tick://", "Shown in the records, not read.")
        fps: float = prop(10.0, "Frames a second; 0: as fast as they are taken.")
        frames: int = prop(0, "How many; 0: for ever.")
        width: int = prop(64, "Of the picture in pixels.")
        height: int = prop(36, "Of the picture in pixels.")
        live: bool = prop(True, "Whether the older frame gives way to the newer.")
        max_fps: float = prop(1000.0, "Frames a second, at most.")

    @classmethod
    def is_live(cls, options: "Ticker.Options") -> bool:
        return options.live

    @classmethod
    def check(cls, options: "Ticker.Options") -> None:
        if options.uri.startswith("nonsense:"):
            raise GraphError(f"{options.uri} is no camera; give tick://")

    def open(self) -> None:
        if self.options.uri.startswith("broken:"):
            raise StageError(f"{self.options.uri} does not tick; mend it")

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        number, begun_s = resume.captured if resume else 0, time.monotonic()
        offset_ns, made = resume.running_ns if resume else 0, 0
        image_bgr = np.zeros((self.options.height, self.options.width, 3), np.uint8)
        while not 0 < self.options.frames <= number:
            fps = min(self.options.fps, self.options.max_fps)
            if fps:
                time.sleep(max(0.0, begun_s + made / fps - time.monotonic()))
            time_ns = offset_ns + int(made * 1e9 / (fps or 25))
            image_bgr[0, 0] = (number & 255, number >> 8 & 255, 0)
            yield Frame(payload=image_bgr, pts_ns=time_ns, running_ns=time_ns, uri=self.options.uri)
            number, made = number + 1, made + 1


class Work(Stage["Work.Options"]):
    """Reads the number back from the pixels; can be slow, raise, hang, crash or leak on demand."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        sleep_ms: float = prop(0.0, "How long each packet takes.")
        raise_every: int = prop(0, "Raise on each n-th frame, always.")
        raise_once_on: int = prop(-1, "Raise on this frame, the first time.")
        crash_on: int = prop(-1, "Kill this process on this frame.")
        hang_on: int = prop(-1, "Sleep for ever on this frame, the first time.")
        open_fails: bool = prop(False, "Fail to load.")
        opens_once: str = prop("", "A file that remembers that one process has loaded: others fail to.")
        loads_once: str = prop("", "The same, but the others are killed as if by the system.")
        open_sleep_s: float = prop(0.0, "How long loading takes.")
        marker: str = prop("", "A file that remembers that something was done once.")
        slow_replica_ms: float = prop(0.0, "How long each packet takes in replica 1.")
        leak_mb: float = prop(0.0, "Memory to keep with each packet.")
        batch_sizes: bool = prop(False, "Write the size of the batch into the packet.")

    def open(self) -> None:
        self._leaked: list[np.ndarray] = []
        time.sleep(self.options.open_sleep_s)
        if self.options.opens_once:
            try:
                os.close(os.open(self.options.opens_once, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                raise StageError("there is memory for one model only; free some") from None
        if self.options.loads_once:
            try:
                os.close(os.open(self.options.loads_once, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                os.kill(os.getpid(), signal.SIGKILL)
        if self.options.open_fails:
            raise RuntimeError("the model is not to be had")

    def process_batch(self, packets: list[Packet]) -> list[Packet]:
        if self.options.batch_sizes:
            for packet in packets:
                packet.meta["batch"] = len(packets)
        return [self.process(packet) for packet in packets]

    def process(self, packet: Packet) -> Packet:
        options = self.options
        time.sleep(options.sleep_ms / 1000)
        if options.slow_replica_ms:
            packet.meta["replica"] = self.context.replica
            time.sleep(options.slow_replica_ms / 1000 * (self.context.replica == 1))
        if options.leak_mb:
            self._leaked.append(np.ones(int(options.leak_mb * 1e6), np.uint8))
        blue, green, _red = packet.image_bgr[0, 0].tolist()
        number = blue + 256 * green
        if options.raise_every and number % options.raise_every == options.raise_every - 1:
            raise ValueError(f"frame {number} is not to my taste")
        if number == options.raise_once_on and self._first_time():
            raise ValueError("only this once")
        if number == options.crash_on:
            os.kill(os.getpid(), signal.SIGSEGV)
        if number == options.hang_on and self._first_time():
            time.sleep(3600)
        packet.meta["number"] = number
        packet.meta["people"] = [{"box": [0.0, 0.0, 8.0, 8.0], "score": 0.5}]
        return packet

    def _first_time(self) -> bool:
        try:
            os.close(os.open(self.options.marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True


class Diary(CutFileSink["Diary.Options"]):
    """A line a frame; can fail on a frame, and take long to finish."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop("out/diary.txt", "The file.")
        fail_on: int = prop(-1, "Raise on this frame unless it is a GAP.")
        fail_from: int = prop(-1, "Raise on this frame and all after it, GAP or not.")
        sleep_ms: float = prop(0.0, "How long each frame takes.")
        finish_s: float = prop(0.0, "How long finishing takes.")

    def process(self, packet: Packet) -> Packet:
        time.sleep(self.options.sleep_ms / 1000)
        if packet.seq == self.options.fail_on and packet.status == "ok":
            self.write(b"half a li")
            raise ValueError("I do not like this frame")
        if 0 <= self.options.fail_from <= packet.seq:
            raise ValueError("I do not like any frame")
        self.write(f"{packet.seq} {packet.status}\n".encode())
        return packet

    def finish(self) -> None:
        time.sleep(self.options.finish_s)


class Shout(Sink["Shout.Options"]):
    """A line a frame to somebody outside, who cannot take back what was said: it has no file of its own."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        to: str = prop("out/said.txt", "Who hears it.")
        sleep_ms: float = prop(0.0, "How long each frame takes.")

    def process(self, packet: Packet) -> Packet:
        time.sleep(self.options.sleep_ms / 1000)
        with open(self.options.to, "a") as said:
            said.write(f"{packet.seq}\n")
        return packet


class Tally(Ordered[NoOptions]):
    """Numbers the frames that it sees, in order, from 1; and counts them in its memory as well."""

    def open(self) -> None:
        self._memory = 0

    def recall(self, answers: list[dict]) -> None:
        self._memory = answers[-1]["memory"]

    def process(self, packet: Packet) -> Packet:
        self.highest_id += 1
        self._memory += 1
        packet.meta["tally"] = self.highest_id
        packet.meta["memory"] = self._memory
        packet.count("frames", "numbered")
        return packet


class Passers(Stage[NoOptions]):
    """People with numbers, as a tracker gives them: each is there for ten frames, one comes every fifth."""

    gives = ("people/track",)

    def process(self, packet: Packet) -> Packet:
        newest = packet.seq // 5 + 1
        coat = {"label": "Coat", "score": 0.9, "region": "upper"}
        packet.meta["people"] = [
            {"track": track, "box": [0.0, 0.0, 8.0, 8.0], "score": 0.5, "garments": [coat]}
            for track in (newest - 1, newest)
            if track > 0
        ]
        return packet


class Look(Stage["Look.Options"]):
    """Looks at a picture of any kind, and can be slow about it."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        sleep_ms: float = prop(0.0, "How long each packet takes.")

    def process(self, packet: Packet) -> Packet:
        time.sleep(self.options.sleep_ms / 1000)
        packet.meta["brightness"] = float(packet.image_bgr[::8, ::8].mean())
        return packet


class Stuck(Source["Stuck.Options"]):
    """A live source that gives some frames and then, the first time, stands in a call for ever."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        frames: int = prop(20, "How many.")
        stuck_at: int = prop(10, "Stand still before this one.")
        marker: str = prop("", "A file that remembers that it has stood.")
        step_s: float = prop(0.0, "How long it says that its step may take.")

    @classmethod
    def is_live(cls, options: object) -> bool:
        return True

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        first = resume.captured if resume else 0
        for number in range(first, self.options.frames):
            if number == self.options.stuck_at and not os.path.exists(self.options.marker):
                with open(self.options.marker, "w"):
                    self.alive(self.options.step_s)
                time.sleep(3600)
            self.alive(0.05)
            time.sleep(0.05)
            time_ns = number * FRAME_NS
            image_bgr = np.full((64, 64, 3), number, np.uint8)
            yield Frame(payload=image_bgr, pts_ns=time_ns, running_ns=time_ns, duration_ns=FRAME_NS)
