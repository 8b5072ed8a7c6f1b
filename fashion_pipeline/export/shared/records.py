"""Lines of results, read one by one and checked."""

import dataclasses
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from fashion_pipeline.export.shared.checks import WrongError, check_line
from fashion_pipeline.fashion.findings import DroppedRange, FrameRecord, Person
from fashion_pipeline.stages.records.table import PREDICTED
from framegraph.errors import GraphError
from framegraph.packet import OK

STANDARD_INPUT = Path("-")
NOT_LOOKED_FOR = "not looked for"
"""Status of a frame that was analysed by a graph that does not look for people."""
MOST_BYTES = 64 << 20
"""Of a line; one of a frame with a hundred people has 100 kB."""


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A frame, or with `frame` None a range of frames that were dropped.

    status: "ok"; "predicted" where people were not looked for and their boxes are predicted; in other cases
    why the frames were not analysed.
    """

    run: str
    source: str
    first_seq: int
    last_seq: int
    status: str
    frame: FrameRecord | None

    @property
    def is_analysed(self) -> bool:
        return self.status in {OK, PREDICTED}

    @property
    def people(self) -> list[Person]:
        """The people found, empty if the frame was not analysed."""
        return self.frame.get("people", []) if self.frame is not None and self.is_analysed else []


def read_lines(paths: Sequence[Path], run: str = "") -> Iterator[Line]:
    """Yield the lines of files in this order; `-` is standard input.

    All are of one run; if `run` is given, lines of other runs are left out. Raises GraphError with the place
    of a line that is damaged, of another run, or not after the one before it; OSError.
    """
    newest: dict[str, int] = {}
    only = run
    for path in paths:
        for number, data in _raw_lines(path):
            place = f"{'standard input' if path == STANDARD_INPUT else path}:{number}"
            line = _line(data, place)
            if run and line.run != run:
                continue
            only = only or line.run
            if line.run != only:
                raise GraphError(
                    f"{place}: this line is of run {line.run}, those before it are of run {only}; numbers of "
                    f"frames and people begin anew with each run: export one at a time, e.g. --run {only}"
                )
            if line.frame is not None:
                before = newest.get(line.source, -1)
                if line.first_seq <= before:
                    raise GraphError(
                        f"{place}: frame {line.first_seq} of source '{line.source}' comes after its frame "
                        f"{before}; give each file once, in the order in which they were written"
                    )
                newest[line.source] = line.first_seq
            yield line


def in_order(paths: Sequence[Path]) -> list[Path]:
    """Return files in the order in which they were written, by when the first frame in each was captured."""
    keyed, key = [], 0
    for path in paths:
        frames = (line.frame for line in read_lines([path]) if line.frame is not None)
        first = next(frames, None)
        # A file without frames stays behind the one it was named after.
        key = first["capture_time_ns"] if first is not None else key
        keyed.append((key, path))
    return [path for _key, path in sorted(keyed, key=lambda each: each[0])]


def _raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    if path == STANDARD_INPUT:
        yield from _lines_of(sys.stdin.buffer, "standard input")
        return
    with path.open("rb") as file:
        yield from _lines_of(file, str(path))


def _lines_of(file: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    for number in itertools.count(1):
        data = file.readline(MOST_BYTES)
        if not data:
            return
        if len(data) == MOST_BYTES and not data.endswith(b"\n"):
            raise GraphError(
                f"{name}:{number}: this line is longer than {MOST_BYTES >> 20} MB; export reads results.jsonl"
            )
        yield number, data


def _line(data: bytes, place: str) -> Line:
    try:
        record = _parsed(data)
        check_line(record)
    except WrongError as error:
        raise GraphError(
            f"{place}: {error}; lines must be as json_sink writes them (docs/records.md): remove this one, "
            "or finish the run by --resume"
        ) from None
    if "seq" not in record:
        dropped = cast(DroppedRange, record)
        first, last, status = dropped["from_seq"], dropped["to_seq"], dropped["status"]
        return Line(dropped["run"], dropped["source"], first, last, status, None)
    frame = cast(FrameRecord, record)
    status = frame["status"]
    if status == OK and "people" not in frame:
        status = NOT_LOOKED_FOR
    elif status == OK and frame.get("is_predicted"):
        status = PREDICTED
    return Line(frame["run"], frame["source"], frame["seq"], frame["seq"], status, frame)


def _parsed(data: bytes) -> Any:
    try:
        record = json.loads(data)
        if b"\\ud" in data.lower():
            # Half of a pair, which is no character and cannot be written as UTF-8.
            record = json.loads(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        if not data.endswith(b"\n"):
            raise WrongError("the line, the last, is cut off") from None
        shown = data[:60].decode("utf-8", "replace").strip()
        raise WrongError(f"the line is damaged: {shown!r} … is not JSON") from None
    return record
