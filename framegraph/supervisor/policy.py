"""Decisions about processes that end or are silent, which tests replay as histories."""

import dataclasses
import signal
from collections import deque
from collections.abc import Callable
from typing import Any

from framegraph.wire.status_page import Status

MAX_DEATHS_WITHOUT_PROGRESS = 6
"""Minimum; see `death_limit`."""
FIRST_BACKOFF_S = 0.25
MAX_BACKOFF_S = 5.0
MAX_KILLS_WITHOUT_PROGRESS = 50
"""Limit of kills from outside: they say nothing about the process unless they never stop, as when its model
does not fit into memory."""
MAX_KILLED_BACKOFF_S = 1.0
KILLS = frozenset({signal.SIGKILL, signal.SIGTERM})
"""Signals from outside: an operator, or a kernel that is out of memory."""
CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT})
"""Signals that a process causes itself."""


def is_kill(status: int) -> bool:
    """Return whether an exit status is that of a kill, which need not be the process's own fault."""
    return -status in KILLS


@dataclasses.dataclass(frozen=True)
class Restart:
    """Start the process again after a pause."""

    after_s: float


@dataclasses.dataclass(frozen=True)
class GiveUp:
    """A restart would not help: end the run with this sentence."""

    text: str


class RestartPolicy:
    """The death count of one replica. A death after progress is free; others back off and are limited.

    With `is_limited` False they only back off: a source that kills its reader must not end the run for the
    others.
    """

    def __init__(self, *, is_limited: bool = True) -> None:
        self._is_limited = is_limited
        self._without_progress = 0
        self._kills = 0

    def after_death(
        self,
        name: str,
        status: int,
        *,
        progressed: bool,
        limit: int,
        kill_limit: int = MAX_KILLS_WITHOUT_PROGRESS,
    ) -> Restart | GiveUp:
        """Decide, in this order: after progress since the last start, restart at once; at the limit of
        deaths without progress (kills have their own), end the run; else restart after a pause that
        doubles."""
        if progressed:
            self._without_progress = self._kills = 0
            return Restart(0.0)
        was_killed = is_kill(status)
        self._kills += was_killed
        self._without_progress += not was_killed
        is_too_often = self._without_progress >= limit or self._kills >= kill_limit
        if self._is_limited and is_too_often:
            return GiveUp(
                f"{name} ended {self._without_progress + self._kills} times in a row without answering a "
                f"packet, the last time by {describe_exit(status)}"
            )
        if was_killed:
            return Restart(min(MAX_KILLED_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(self._kills - 1, 30)))
        return Restart(min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(self._without_progress - 1, 30)))


def death_limit(max_attempts: int) -> int:
    """Return how many deaths in a row without progress end the run: more than one frame may cause. These are
    its attempts alone, and two before: one among others, and one with those that came after them.
    """
    return max(MAX_DEATHS_WITHOUT_PROGRESS, max_attempts + 3)


class FrameDeaths:
    """The count of deaths of a source's processes at the same frame.

    Only those that the decoder can have caused: a signal of the processor or of abort(), or a hang. A
    SIGKILL from outside says nothing about the frame, and a live source never has the same one again.
    """

    def __init__(self) -> None:
        self._seq = -1
        self._deaths = 0

    def after_death(self, status: int, last: Status, *, has_hung: bool) -> None:
        if last.asked_age_s is None or last.asked_seq < 0 or not (has_hung or -status in CRASHES):
            return
        self._deaths = self._deaths + 1 if last.asked_seq == self._seq else 1
        self._seq = last.asked_seq

    def deadly_seq(self, common: Any) -> int:
        """The frame that has caused `max-attempts` deaths; -1: none."""
        return self._seq if self._deaths and self._deaths >= common.max_attempts else -1


def describe_exit(status: int) -> str:
    """Return an exit status as subprocess gives it, in words."""
    if status < 0:
        try:
            return f"signal {signal.Signals(-status).name}"
        except ValueError:
            return f"signal {-status}"
    return f"exit status {status}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a process's silence in seconds, depending on what it is doing."""

    heartbeat_s: float
    timeout_s: float
    start_timeout_s: float


class Pauses:
    """The times when the launcher itself stood still: a paused container, a machine that slept or swapped.
    Its children stood still as well and are not to blame.
    """

    AT_LEAST_S = 1.0
    """The launcher watches several times a second."""

    def __init__(self) -> None:
        self._watched_s: float | None = None
        self._pauses: deque[tuple[float, float]] = deque(maxlen=100)

    def watched(self, now_s: float) -> None:
        """Note that the launcher watches its children now."""
        if self._watched_s is not None and now_s - self._watched_s > self.AT_LEAST_S:
            self._pauses.append((self._watched_s, now_s))
        self._watched_s = now_s

    def within(self, last_s: float) -> float:
        """Return the paused seconds within `last_s` before it last watched."""
        if self._watched_s is None:
            return 0.0
        from_s = self._watched_s - last_s
        return sum(end_s - max(start_s, from_s) for start_s, end_s in self._pauses if end_s > from_s)


def why_hung(
    state: str,
    status: Status,
    age_s: float,
    limits: Limits,
    paused_within: Callable[[float], float] = lambda last_s: 0.0,
) -> str:
    """Return why a process counts as hung, or an empty text. `age_s`: how long ago it was started.

    paused_within: how many of the last `last_s` seconds do not count (see Pauses).
    """

    def is_over(since_s: float, limit_s: float) -> bool:
        return since_s - paused_within(since_s) > limit_s

    if state == "starting":
        # Loading a library may keep the heartbeat's thread from running.
        is_late = is_over(age_s, limits.start_timeout_s)
        return f"still loading after {limits.start_timeout_s:g} s (start-timeout)" if is_late else ""
    heartbeat_s, loop_s = status.heartbeat_age_s, status.loop_age_s
    if heartbeat_s is not None and is_over(min(heartbeat_s, age_s), limits.heartbeat_s):
        return f"no sign of life for {limits.heartbeat_s:g} s (heartbeat)"
    if status.is_finishing:
        return ""
    if status.work_age_s is not None:
        if is_over(status.work_age_s, limits.timeout_s):
            return f"one packet took more than {limits.timeout_s:g} s (timeout)"
        return ""
    if loop_s is not None and is_over(min(loop_s, age_s), limits.heartbeat_s):
        return f"its loop stands still for {limits.heartbeat_s:g} s (heartbeat)"
    if status.asked_age_s is not None and is_over(status.asked_age_s, limits.timeout_s):
        return f"its input gave no sign of life for {limits.timeout_s:g} s (timeout)"
    return ""
