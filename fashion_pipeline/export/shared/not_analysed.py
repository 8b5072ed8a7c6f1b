"""Beside a format that cannot say which frames were not analysed: a table of these."""

import csv
from pathlib import Path
from types import TracebackType

from fashion_pipeline.export.shared.records import Line

COLUMNS = ("first_frame", "last_frame", "status")


class NotAnalysed:
    """The table, with a row for each range and each frame; a context manager. Frames count from `first`."""

    def __init__(self, path: Path, *, first: int) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(COLUMNS)
        self._first = first

    def write(self, line: Line) -> None:
        """Add a line that was not analysed; nothing for others."""
        if not line.is_analysed:
            self._rows.writerow((line.first_seq + self._first, line.last_seq + self._first, line.status))

    def __enter__(self) -> "NotAnalysed":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
