"""The thread that asks a source for frames and stores them; the loop does the rest."""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from framegraph.frames.store import FrameStore
from framegraph.stage import Frame, Resume, Source
from framegraph.wire.status_page import StatusPage

log = logging.getLogger("capture")
WAIT_S = 0.5
"""How often a waiting capture checks whether to stop."""


class Capture:
    """Reads frames until the stream ends. A file waits for a free slot; a live source never waits.

    `make_store` makes this source's frame store from its first frame, when the size is known (None: there is
    none yet); `store` is the one that an earlier process left, and `resume` its last frame. `wake` is a file
    descriptor that becomes readable when there is something new.
    """

    def __init__(
        self,
        stage: Source[Any],
        make_store: Callable[[Frame | None], FrameStore],
        store: FrameStore | None,
        *,
        resume: Resume | None,
        max_waiting: int,
        page: StatusPage,
        deadly_seq: int = -1,
    ) -> None:
        self.store = store
        self.lock = threading.Lock()
        self.error: BaseException | None = None
        self.wake = os.eventfd(0, os.EFD_NONBLOCK)
        self.is_awaited = True
        """Whether the next frame wakes the loop, which sets this with the lock held."""
        self._stage = stage
        self._resume = resume
        self._make_store = make_store
        self._max_waiting = max_waiting
        self._page = page
        self._deadly_seq = deadly_seq
        self._room = threading.Condition(self.lock)
        self._is_stopping = False
        self._is_over = False
        self._asked_seq = self._captured
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether nothing more will be captured: also while the stage still waits for its input."""
        return self._is_over or self._is_stopping

    @property
    def is_waiting(self) -> bool:
        """Whether the thread has not come back from the stage: it cannot be joined."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Capture nothing more; captured frames stay in the frame store."""
        with self.lock:
            self._is_stopping = True
            self._room.notify()

    def has_room_again(self) -> None:
        """Note that the loop, which holds the lock, has sent frames or released slots."""
        if self._has_room:
            self._room.notify()

    @property
    def _has_room(self) -> bool:
        """Whether a file's next frame may be captured."""
        store = self.store
        return store is None or (store.has_room and len(store.waiting()) < self._max_waiting)

    def clear_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.wake)

    def _run(self) -> None:
        try:
            if self._deadly_seq == self._captured and not self._leave_out():
                return
            frames = iter(self._stage.frames(self._resume))
            while (frame := self._next(frames)) is not None and self._take(frame):
                pass
        except BaseException as error:  # handed to the loop, which reports it and ends the run
            if not self._is_stopping:
                self.error = error
        finally:
            self._page.answered()
            self._is_over = True
            os.eventfd_write(self.wake, 1)

    @property
    def _captured(self) -> int:
        return self._resume.captured if self._resume is not None else 0

    def _next(self, frames: Iterator[Frame]) -> Frame | None:
        """Ask for the next frame. A file's frame number is noted first: the decoder may die of it
        repeatedly. A live source never has the same frame twice."""
        self._page.asked(-1 if self._stage.plays_live else self._asked_seq)
        frame = next(frames, None)
        self._page.answered()
        self._asked_seq += 1
        return frame

    def _leave_out(self) -> bool:
        """Continue after the frame that kills; False when the run is stopped meanwhile."""
        self._page.asked(-1)
        resume = self._stage.leave_out(self._resume)
        self._page.answered()
        if resume is None:
            return True
        with self.lock:
            if self.store is None:
                self.store = self._make_store(None)
            # The next frame sent reports the skipped ones, so those captured before must go first.
            while self.store.waiting() and not self._is_stopping:
                self._room.wait(WAIT_S)
            # The sinks may already know what a stopped source has captured.
            if self._is_stopping:
                return False
            first, after = self.store.leave_out(resume)
        self._page.progressed(1)
        self._resume, self._asked_seq = resume, resume.captured
        log.warning(
            "frame %d kills the decoder each time: left out %d to the next key frame", first, after - first
        )
        return True

    def _take(self, frame: Frame) -> bool:
        with self.lock:
            if self._is_stopping:
                return False
            if self.store is None:
                self.store = self._make_store(frame)
            if self._stage.plays_live:
                while len(waiting := self.store.waiting()) >= self._max_waiting:
                    self.store.drop(waiting[0], "leaky")
            else:
                while not self._has_room:
                    self._room.wait(WAIT_S)
                    if self._is_stopping:
                        return False
            self.store.capture(frame)
            is_awaited = self.is_awaited
        # A successor continues after it, so this process has made progress.
        self._page.progressed(1)
        if is_awaited:
            os.eventfd_write(self.wake, 1)
        return True
