"""A sink's memory from frame to frame, in files next to its output, for its successor.

Two files are written in turn, each before the progress record that names it. The one named by the record is
complete whenever the process dies, because only the other one is being written.
"""

import json
import os
from pathlib import Path
from typing import Any

from framegraph.errors import StageError
from framegraph.support.checked_record import pack_record, unpack_record


class StateFile:
    """The last two states of one output; a state is plain values of any size."""

    def __init__(self, location: Path) -> None:
        location.parent.mkdir(parents=True, exist_ok=True)
        self._paths = [location.with_name(f".{location.name}.state{place}") for place in (0, 1)]
        self._fds = [
            os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            for path in self._paths
        ]

    def write(self, number: int, state: dict[str, Any]) -> None:
        """Write the state of the `number`th frame over that of the frame before last."""
        data = pack_record(json.dumps([number, state], separators=(",", ":")).encode())
        fd = self._fds[number % 2]
        if os.pwrite(fd, data, 0) != len(data):
            raise OSError(f"{self._paths[number % 2]} could not be written in one go")
        os.ftruncate(fd, len(data))

    def read(self, number: int) -> dict[str, Any]:
        """Return the state written as `number`. Raises StageError if it is not there."""
        text = unpack_record(self._paths[number % 2].read_bytes())
        if text is not None:
            found, state = json.loads(text)
            if found == number:
                return dict(state)
        raise StageError(
            f"{self._paths[number % 2]} does not hold what the progress file names: it was changed or "
            "removed; start the run anew"
        )

    def sync(self) -> None:
        for fd in self._fds:
            os.fdatasync(fd)

    def remove(self) -> None:
        """Remove both files once the output is complete and nothing continues from here."""
        for path in self._paths:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)
