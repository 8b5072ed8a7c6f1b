"""What becomes of the connection to a camera: events in, actions out. No clock, socket or thread in here.

One machine for the first connection and every later one:

    stopped -> connecting -> running <-> stalled
                   ^  \\________|___________/
                   |           v
                   +------- retrying

The names of the states are GStreamer's fallbacksrc's, where it has them.
"""

from __future__ import annotations

import dataclasses
import enum
import random

TOLD_FAILURES = 4
MAX_DOUBLINGS = 30


class State(enum.StrEnum):
    """`running` means fresh pictures; `stalled` that the connection stands and its pictures are not fresh."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    RUNNING = "running"
    STALLED = "stalled"
    RETRYING = "retrying"


class Cause(enum.StrEnum):
    """Why an attempt or a connection came to its end."""

    REFUSED = "refused"
    NOT_FOUND = "not found"
    AUTH = "auth"
    TIMEOUT = "time-out"
    END_OF_STREAM = "end of stream"
    DECODE = "decode"
    NETWORK = "network"


# Events


@dataclasses.dataclass(frozen=True)
class Start:
    """The source begins. If an earlier process of it died: how long ago its last picture came, and how long
    in all it had been without."""

    lost_s: float = 0.0
    outage_s: float = 0.0


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture came; `trouble` says why it is not fresh ("" when it is), `facts` what it is."""

    trouble: str = ""
    facts: str = ""


@dataclasses.dataclass(frozen=True)
class Broke:
    """An attempt to connect failed, or a connection ended."""

    cause: Cause
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Waited:
    """The pause before the next attempt is over."""


@dataclasses.dataclass(frozen=True)
class Stop:
    """Nothing more is wanted."""


Event = Start | Picture | Broke | Waited | Stop

# Actions


@dataclasses.dataclass(frozen=True)
class Stay:
    """Go on as it is."""


@dataclasses.dataclass(frozen=True)
class Connect:
    """Try to connect."""


@dataclasses.dataclass(frozen=True)
class Wait:
    """Pause, then say Waited."""

    delay_s: float


@dataclasses.dataclass(frozen=True)
class End:
    """The stream is over; with `error` it has failed."""

    error: str = ""


Action = Stay | Connect | Wait | End


@dataclasses.dataclass(frozen=True)
class Answer:
    """What to do, and the line to tell the user, "" for none; `level` is that of logging."""

    action: Action
    line: str = ""
    level: str = "INFO"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Times in seconds. `silent_s`: no picture for longer is not running. `give_up_s` 0: never."""

    silent_s: float = 2.5
    first_delay_s: float = 0.5
    max_delay_s: float = 10.0
    steady_s: float = 5.0
    """A connection that lasted so long was a good one: the next pause begins at the first delay again."""
    give_up_s: float = 0.0
    jitter: float = 0.2
    """Share by which a pause is longer or shorter: cameras behind one switch should not all come at once."""


class Connection:
    """The machine. `restarts_on_eos`: whether the end of a stream is a loss, or the end."""

    def __init__(self, limits: Limits, *, restarts_on_eos: bool = True, seed: int | None = None) -> None:
        self.state = State.STOPPED
        self.failures = 0
        """Attempts and connections that came to nothing since the last good connection."""
        self.cause: Cause | None = None
        self.trouble = ""
        self.restarts_on_eos = restarts_on_eos
        self._limits = limits
        self._random = random.Random(seed)
        self._outage_s = 0.0
        self._fresh_s = 0.0
        self._running_since_s = 0.0
        self._wait_until_s = 0.0

    def on(self, event: Event, now_s: float) -> Answer:
        """Take one event in; `now_s` is of a clock that never goes back."""
        if isinstance(event, Start):
            self._fresh_s, self._outage_s = now_s - event.lost_s, event.outage_s
            self.state = State.CONNECTING
            return Answer(Connect())
        if isinstance(event, Waited):
            self.state = State.CONNECTING
            return Answer(Connect())
        if isinstance(event, Picture):
            return self._picture(event, now_s)
        if isinstance(event, Broke):
            return self._broke(event, now_s)
        return self._stop(now_s)

    def state_at(self, now_s: float) -> State:
        """Return the state as it is now: without any picture for a while a connection is stalled."""
        if self.state is State.RUNNING and now_s - self._fresh_s > self._limits.silent_s:
            return State.STALLED
        return self.state

    def outage_s(self, now_s: float) -> float:
        """Return how long in all, up to now, there was no fresh picture."""
        is_out = self.state_at(now_s) not in (State.RUNNING, State.STOPPED)
        return self._outage_s + (now_s - self._fresh_s if is_out else 0.0)

    def next_try_s(self, now_s: float) -> float:
        """Return how long until the next attempt; 0 unless the machine waits for it."""
        return max(0.0, self._wait_until_s - now_s) if self.state is State.RETRYING else 0.0

    def _picture(self, picture: Picture, now_s: float) -> Answer:
        before = self.state, self.trouble
        if self.state not in (State.RUNNING, State.STALLED):
            self._running_since_s = now_s
        if not picture.trouble:
            self._outage_s, self._fresh_s = self.outage_s(now_s), now_s
        self.state = State.STALLED if picture.trouble else State.RUNNING
        self.trouble, self.cause = picture.trouble, None
        if before == (self.state, self.trouble):
            return Answer(Stay())
        if picture.trouble:
            return Answer(Stay(), f"stalled: {picture.trouble}", "WARNING")
        outage = f"; {self._outage_s:.1f} s without fresh pictures in all" if self._outage_s >= 1 else ""
        return Answer(Stay(), f"running: {picture.facts}{outage}")

    def _broke(self, broke: Broke, now_s: float) -> Answer:
        had_pictures = self.state in (State.RUNNING, State.STALLED)
        if had_pictures and now_s - self._running_since_s >= self._limits.steady_s:
            self.failures = 0
        if broke.cause is Cause.END_OF_STREAM and had_pictures and not self.restarts_on_eos:
            self._stop(now_s)
            return Answer(End())
        is_news = had_pictures or broke.cause is not self.cause
        self.failures, self.cause, self.trouble = self.failures + 1, broke.cause, ""
        self.state = State.RETRYING
        why = f"{broke.cause} ({broke.detail})" if broke.detail else str(broke.cause)
        lost_s = now_s - self._fresh_s
        if 0 < self._limits.give_up_s <= lost_s:
            self._stop(now_s)
            return Answer(End(f"{why}; no picture for {lost_s:.0f} s (retry-timeout)"))
        delay_s = self._delay_s()
        self._wait_until_s = now_s + delay_s
        line = f"retrying: {why}; attempt {self.failures} in {delay_s:.1f} s"
        # Then only of the 8th, the 16th, …: an absent camera must not fill the log.
        is_told = is_news or self.failures <= TOLD_FAILURES or self.failures & (self.failures - 1) == 0
        return Answer(Wait(delay_s), line, "WARNING" if is_told else "DEBUG")

    def _delay_s(self) -> float:
        limits = self._limits
        doublings = min(self.failures - 1, MAX_DOUBLINGS)
        delay_s = min(limits.max_delay_s, limits.first_delay_s * 2.0**doublings)
        return delay_s * (1 + limits.jitter * self._random.uniform(-1, 1))

    def _stop(self, now_s: float) -> Answer:
        self._outage_s, self._fresh_s = self.outage_s(now_s), now_s
        self.state = State.STOPPED
        return Answer(End())
