"""What a format of an export is."""

import abc
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from fashion_pipeline.export.shared.records import Line


class Format(abc.ABC):
    """One format. Frames that were not analysed must not look like frames without people in it."""

    line: ClassVar[str]
    """What it holds, for --help."""
    suffix: ClassVar[str]
    """What takes the place of .jsonl in the name of the output."""

    @abc.abstractmethod
    def write(self, lines: Iterable[Line], out: Path) -> None:
        """Write all lines to `out`, a new file or folder, whole or not at all.

        Memory must not grow with the number of lines. GraphError when a package is missing; OSError.
        """
