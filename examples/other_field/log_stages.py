"""Lines of a log file that grows: no picture anywhere, and nothing but framegraph."""

import collections
import dataclasses
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from framegraph.files import CutFileSink
from framegraph.packet import OK, Packet
from framegraph.properties import REQUIRED, Seconds, prop
from framegraph.stage import Frame, Json, Ordered, Resume, Source, Stage

LINE = "text/plain, one line"
"""The format of payloads: uint8, a line's bytes with its line feed."""
LOOK_EVERY_S = 0.05
_PARTS = re.compile(r"(?P<time>\S+) (?P<level>[A-Z]+) (?P<text>.*)")


class Follow(Source):
    """Read a file line by line, and wait for more, as `tail -f` does. What has no line feed yet is none."""

    payload = LINE

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        uri: str = prop(REQUIRED, "The log file.")
        until_idle: Seconds = prop(0.0, "End when it has not grown for so long; 0: never.", low=0)

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        with Path(self.options.uri).open("rb") as file:
            for number, line in enumerate(self._lines(file)):
                if resume is None or number >= resume.captured:
                    yield Frame(payload=np.frombuffer(line, np.uint8), pts_ns=number, running_ns=number)

    def _lines(self, file: Any) -> Iterator[bytes]:
        rest, grown_at_s = b"", time.monotonic()
        while True:
            if got := file.readline():
                rest, grown_at_s = rest + got, time.monotonic()
                if rest.endswith(b"\n"):
                    yield rest
                    rest = b""
                continue
            if self.options.until_idle and time.monotonic() - grown_at_s > self.options.until_idle:
                return
            self.alive(LOOK_EVERY_S)
            time.sleep(LOOK_EVERY_S)

    @classmethod
    def keep(cls, path: Path, payload: Any) -> None:
        path.with_suffix(".log").write_bytes(payload.tobytes())


class Parse(Stage):
    """Take a line apart: `TIME LEVEL TEXT`. Another line fails, alone."""

    payload = LINE
    gives = ("line",)

    def process(self, packet: Packet) -> Packet:
        parts = _PARTS.fullmatch(packet.payload.tobytes().decode(errors="replace").rstrip("\n"))
        if parts is None:
            raise ValueError("expected TIME LEVEL TEXT")
        packet.meta["line"] = parts.groupdict()
        packet.count("lines", parts["level"])
        return packet


class Window(Ordered):
    """Say after each line how often each level was in the last `lines` of them."""

    takes = ("line",)
    gives = ("recent", "window")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        lines: int = prop(20, "How many lines back.", low=1, high=1000)

    def open(self) -> None:
        self._recent: list[str] = []

    def recall(self, answers: list[dict[str, Json]]) -> None:
        self._recent = list(answers[-1]["recent"]) if answers else []

    def process(self, packet: Packet) -> Packet:
        self._recent = [*self._recent, packet.meta["line"]["level"]][-self.options.lines :]
        packet.meta["recent"] = self._recent
        packet.meta["window"] = dict(collections.Counter(self._recent))
        return packet


class Report(CutFileSink):
    """Write a line of JSON for each line of the log."""

    takes = ("line", "window")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop(REQUIRED, "The file; {source} in it stands for the name of the source.")

    def process(self, packet: Packet) -> Packet:
        record: dict[str, Json] = {"number": packet.seq}
        if packet.status == OK:
            record |= {**packet.meta["line"], "window": packet.meta["window"]}
        else:
            record["status"] = packet.status
        self.write(json.dumps(record).encode() + b"\n")
        return packet

    @classmethod
    def count(cls, location: Path) -> int:
        numbers = [json.loads(line)["number"] for line in location.read_text().splitlines()]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"{location}: lines are doubled or out of order")
        return len(numbers)
