"""Joining of finished segments in the background, so that the frames that follow do not wait for it."""

import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path

import av

from fashion_pipeline.stages.recording.join import join


class Joiner:
    """One thread that turns segments in fragments into plain films, in order; one may be submitted again.

    A segment that cannot be joined stays as it is, playable, and is tried again by `finish`. A process that
    dies in the middle leaves the segment as it was.
    """

    def __init__(self, tidy: Callable[[], None], log: logging.Logger) -> None:
        self._tidy = tidy
        self._log = log
        self._todo: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._told: set[Path] = set()
        self._undone: set[Path] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="joiner", daemon=True)
        self._thread.start()

    def submit(self, segment: Path) -> None:
        """Join a segment that is finished and committed; `tidy` is called after it."""
        with self._lock:
            if segment in self._told:
                return
            self._told.add(segment)
            self._undone.add(segment)
        self._todo.put(segment)

    def is_undone(self, segment: Path) -> bool:
        with self._lock:
            return segment in self._undone or segment not in self._told

    def finish(self) -> None:
        """Wait for pending joins, and retry failed ones. Raises OSError, av.FFmpegError."""
        self._todo.put(None)
        self._thread.join()
        for segment in sorted(self._undone):
            self._join(segment)
        self._tidy()

    def _run(self) -> None:
        while (segment := self._todo.get()) is not None:
            try:
                self._join(segment)
                self._tidy()
            except (OSError, av.FFmpegError) as error:
                self._log.warning("%s is not joined yet: %s", segment, error)

    def _join(self, segment: Path) -> None:
        if segment.exists():  # else it was removed because of max-files, or by the user
            join(segment, "")
        with self._lock:
            self._undone.discard(segment)
