"""The thread that asks a source for frames and writes them into custody; the loop does all the rest."""

import contextlib
import os
import threading
import time
from collections.abc import Callable

from runtime.custody.store import FrameStore
from runtime.stage import Frame, Resume, Source

WAIT_S = 0.5
"""How often a waiting capture looks whether it is to stop."""


class Capture:
    """Reads frames until the stream ends. A file waits for a free slot; a live source never waits.

    `make_store` makes the custody of this source from its first frame, for only then is its size known;
    `store` is the one that an earlier process left, and `resume` its last frame.
    `wake` is a file descriptor that becomes readable when there is something new.
    """

    def __init__(
        self,
        stage: Source,
        make_store: Callable[[Frame], FrameStore],
        store: FrameStore | None,
        *,
        resume: Resume | None,
        max_waiting: int,
        may_drop: bool,
    ) -> None:
        self.store = store
        self.lock = threading.Lock()
        self.error: BaseException | None = None
        self.asked_s = 0.0
        """Since when (CLOCK_MONOTONIC) the stage is asked for a frame; 0: it is not."""
        self.wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._stage = stage
        self._resume = resume
        self._make_store = make_store
        self._max_waiting = max_waiting
        self._may_drop = may_drop
        self._room = threading.Condition(self.lock)
        self._is_stopping = False
        self._is_over = False
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
        """Capture nothing more; what is captured stays in custody."""
        with self.lock:
            self._is_stopping = True
            self._room.notify()

    def has_room_again(self) -> None:
        """Called by the loop, which holds the lock, after it released slots."""
        self._room.notify()

    def clear_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.wake)

    def _run(self) -> None:
        try:
            frames = iter(self._stage.frames(self._resume))
            while True:
                self.asked_s = time.monotonic()
                frame = next(frames, None)
                self.asked_s = 0.0
                if frame is None or not self._take(frame):
                    break
        except BaseException as error:  # handed to the loop, which reports it and ends the run
            if not self._is_stopping:
                self.error = error
        finally:
            self.asked_s = 0.0
            self._is_over = True
            os.eventfd_write(self.wake, 1)

    def _take(self, frame: Frame) -> bool:
        with self.lock:
            if self._is_stopping:
                return False
            if self.store is None:
                self.store = self._make_store(frame)
            if self._may_drop:
                while len(waiting := self.store.waiting()) >= self._max_waiting:
                    self.store.drop(waiting[0], "leaky")
            else:
                while not self.store.has_room or len(self.store.waiting()) >= self._max_waiting:
                    self._room.wait(WAIT_S)
                    if self._is_stopping:
                        return False
            self.store.capture(frame)
        os.eventfd_write(self.wake, 1)
        return True
