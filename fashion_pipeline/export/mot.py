"""MOT Challenge: a folder that trackeval reads as truth and as one tracker, and motmetrics file by file."""

import configparser
import contextlib
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from fashion_pipeline.export.shared.format import Format
from fashion_pipeline.export.shared.not_analysed import NotAnalysed
from fashion_pipeline.export.shared.records import Line
from fashion_pipeline.export.shared.whole_folder import whole_folder
from fashion_pipeline.fashion.findings import FrameRecord, Person

NO_NUMBER = -1
RATE_OF_ONE_FRAME = 25.0
"""Frames a second where there are not two frames to tell; the format requires a rate."""


class Mot(Format):
    line = "MOT Challenge: a folder per source with det, gt and seqinfo.ini"
    suffix = ".mot"

    def write(self, lines: Iterable[Line], out: Path) -> None:
        sequences: dict[str, _Sequence] = {}
        with whole_folder(out) as folder:
            with contextlib.ExitStack() as files:
                for line in lines:
                    if line.source not in sequences:
                        sequences[line.source] = _Sequence(line.source, folder, files)
                    sequences[line.source].add(line)
            for sequence in sequences.values():
                sequence.write_info()
            (folder / "seqmap.txt").write_text("".join(f"{name}\n" for name in ("name", *sequences)))


@dataclasses.dataclass
class _Seen:
    """What seqinfo.ini says of a sequence; frames count from 0."""

    last_seq: int = 0
    first: FrameRecord | None = None
    last: FrameRecord | None = None

    def add(self, line: Line) -> None:
        self.last_seq = max(self.last_seq, line.last_seq)
        if line.frame is not None:
            self.first, self.last = self.first or line.frame, line.frame

    @property
    def size_wh(self) -> list[int]:
        return self.first["size_wh"] if self.first is not None else [0, 0]

    @property
    def fps(self) -> float:
        if self.first is None or self.last is None or self.last["pts_ns"] <= self.first["pts_ns"]:
            return RATE_OF_ONE_FRAME
        return (self.last["seq"] - self.first["seq"]) * 1e9 / (self.last["pts_ns"] - self.first["pts_ns"])


class _Sequence:
    """The files of one source; `files` closes them."""

    def __init__(self, source: str, folder: Path, files: contextlib.ExitStack) -> None:
        self._source = source
        self._folder = folder / source
        self._seen = _Seen()

        def opened(*names: str) -> TextIO:
            path = folder.joinpath(*names)
            path.parent.mkdir(parents=True, exist_ok=True)
            return files.enter_context(path.open("w", encoding="ascii"))

        self._detections = opened(source, "det", "det.txt")
        self._truth = opened(source, "gt", "gt.txt")
        self._tracker = opened("data", f"{source}.txt")
        self._not_analysed = files.enter_context(NotAnalysed(self._folder / "not_analysed.csv", first=1))

    def add(self, line: Line) -> None:
        self._seen.add(line)
        self._not_analysed.write(line)
        frame = line.first_seq + 1
        for person in line.people:
            place, score = _place(person), person["score"]
            self._detections.write(f"{frame},{NO_NUMBER},{place},{score},-1,-1,-1\n")
            if "track" in person:
                number = person["track"]
                self._tracker.write(f"{frame},{number},{place},{score},-1,-1,-1\n")
                # It counts, it is a pedestrian, and how much of them is visible is not known.
                self._truth.write(f"{frame},{number},{place},1,1,1\n")

    def write_info(self) -> None:
        info = configparser.ConfigParser()
        info.optionxform = str  # type: ignore[assignment, method-assign]
        width, height = self._seen.size_wh
        info["Sequence"] = {
            "name": self._source,
            "imDir": "img1",
            "frameRate": f"{self._seen.fps:g}",
            "seqLength": str(self._seen.last_seq + 1),
            "imWidth": str(width),
            "imHeight": str(height),
            "imExt": ".jpg",
        }
        with (self._folder / "seqinfo.ini").open("w", encoding="ascii") as file:
            info.write(file, space_around_delimiters=False)


def _place(person: Person) -> str:
    """Return left, top, width, height; the first pixel is 1 there."""
    x0, y0, x1, y1 = person["box"]
    return ",".join(f"{round(value, 6)}" for value in (x0 + 1, y0 + 1, x1 - x0, y1 - y0))
