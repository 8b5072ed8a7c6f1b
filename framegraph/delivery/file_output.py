"""A lane whose output is a file, with its progress in another file beside it."""

import logging
from pathlib import Path
from typing import Any

from framegraph.delivery.output import OutputLane
from framegraph.errors import StageError
from framegraph.packet import Packet
from framegraph.stage import Cut, FileSink
from framegraph.support.progress import Progress, ProgressFile
from framegraph.wire.config import ChildConfig

log = logging.getLogger("sink")


class FileLane(OutputLane[FileSink[Any]]):
    """Writes a frame, then the progress: after that the frame is committed. A successor cuts the file back to
    the progress."""

    def __init__(self, config: ChildConfig, source: str, sink: FileSink[Any]) -> None:
        self.changes: list[str] = []
        """Changes that others have made to the output in the meantime."""
        self._frames_elsewhere = 0
        self._has_output = True
        self._cut: Cut | None = None
        self._fsync = config.common.fsync
        self._location = Path(config.locations[source])
        self._file = ProgressFile(self._location)
        super().__init__(config, source, sink)

    def _open(self) -> int:
        """Open the output: continue where a process of this run stopped, else start anew."""
        known = self._file.read()
        if known is not None and self._is_ours(known):
            self._cut = Cut(size_bytes=known.size_bytes, notes=known.notes)
            if not known.is_finished:
                self.sink.open_at(self._location, self._cut)
            return self._continue_from(known)
        # Checked before anything is cut: a successor without progress would empty the output.
        is_successor = self._config.incarnation > 0
        if known is None and is_successor and self._location.is_file() and self._location.stat().st_size:
            raise StageError(
                f"{self._file.path} is damaged or gone, so nobody knows how much of {self._location} is "
                "whole; it is left as it is: start the run anew"
            )
        self._file.clear()
        self.sink.open_at(self._location, None)
        self._record()
        return -1

    def _is_ours(self, known: Progress) -> bool:
        return known.run == self._config.run and known.source == self.source

    def start_after(self, seq: int) -> bool:
        return self.committed_seq >= seq

    def _put(self, packet: Packet) -> None:
        self._look_after_output()
        super()._put(packet)

    def _look_after_output(self) -> None:
        """Continue in a new file if somebody has moved, removed or cut the current one."""
        if not self.sink.is_in_place():
            self._note_change()
            self.sink.open_at(self._location, None)
            # From here on it is only possible to go back within the new file.
            self._cut = self.sink.position()

    def _note_change(self) -> None:
        frames = self.tally.frames - self._frames_elsewhere
        self._frames_elsewhere = self.tally.frames
        done = "was moved, removed or cut by somebody else"
        self.changes.append(
            f"a file of {self._location.name} {done} while it was written"
            if self.sink.has_many_files
            else f"{self._location.name} {done}: {frames} frames are not in it"
        )
        log.warning("%s", self.changes[-1])

    def _record(self) -> None:
        cut = self.sink.position()
        if self._fsync != "never":
            self.sink.sync()
        self._file.write(size_bytes=cut.size_bytes, notes=cut.notes, **self._fields())
        # Not before: after a sync that found no room the frame must be undone.
        self._cut = cut
        if self._fsync == "always":
            self._file.sync()
        self.sink.committed()

    def go_back(self) -> None:
        self.sink.open_at(self._location, self._cut)
        super().go_back()

    def finish(self) -> None:
        if self.needs_going_back:
            self.go_back()
        self._look_after_output()
        super().finish()
        self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        """Remove an empty output and say why there is none."""
        if self._location.is_file() and not self.tally.frames and not self._location.stat().st_size:
            self._location.unlink()
            self._has_output = False
            self._remarks = [f"no frame of {self.source} came, so there is no {self._location}"]

    def describe(self) -> str:
        return str(self._location)

    def summary(self) -> dict[str, Any]:
        return {
            **super().summary(),
            "location": str(self._location) if self._has_output else "",
            "notes": [*self.changes, *self._remarks],
            "was_changed": bool(self.changes),
        }

    def close(self) -> None:
        super().close()
        self._file.close()
