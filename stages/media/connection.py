"""The state machine of a connection to a camera: events in, actions out; no clock, socket or thread.

The first connection and all later ones use the same machine:

    stopped -> connecting -> running <-> stalled
                   ^  \\________|___________/
                   |           v
                   +------- retrying

The names of the states are those of GStreamer's fallbacksrc, as far as it has them.
"""

from __future__ import annotations

import dataclasses
import enum
import random

TOLD_FAILURES = 4
MAX_DOUBLINGS = 30


class State(enum.StrEnum):
    """`running` means fresh pictures; `stalled` that the connection is up but its pictures are not fresh."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    RUNNING = "running"
    STALLED = "stalled"
    RETRYING = "retrying"


class Cause(enum.StrEnum):
    """Why an attempt failed or a connection ended."""

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
    """The source begins. If an earlier process died: how long ago its last picture came, and its total time
    without pictures."""

    lost_s: float = 0.0
    outage_s: float = 0.0


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture came; `trouble` says why it is not fresh ("" if it is), `facts` describe it."""

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
    """The source is to stop."""


Event = Start | Picture | Broke | Waited | Stop

# Actions


@dataclasses.dataclass(frozen=True)
class Stay:
    """Continue unchanged."""


@dataclasses.dataclass(frozen=True)
class Connect:
    """Try to connect."""


@dataclasses.dataclass(frozen=True)
class Wait:
    """Pause, then send Waited."""

    delay_s: float


@dataclasses.dataclass(frozen=True)
class End:
    """End the stream; with `error` it has failed."""

    error: str = ""


Action = Stay | Connect | Wait | End


@dataclasses.dataclass(frozen=True)
class Answer:
    """An action, and a log line for the user, "" for none; `level` is that of logging."""

    action: Action
    line: str = ""
    level: str = "INFO"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits in seconds. `silent_s`: after longer without a picture it is stalled. `give_up_s` 0: never."""

    silent_s: float = 2.5
    first_delay_s: float = 0.5
    max_delay_s: float = 10.0
    steady_s: float = 5.0
    """A connection that lasted this long was good: the next pause starts at the first delay again."""
    give_up_s: float = 0.0
    jitter: float = 0.2
    """Random fraction by which pauses vary, so that cameras on one switch do not all reconnect at once."""


class Connection:
    """The state machine. `restarts_on_eos`: whether to reconnect at the end of a stream."""

    def __init__(self, limits: Limits, *, restarts_on_eos: bool = True, seed: int | None = None) -> None:
        self.state = State.STOPPED
        self.failures = 0
        """Failed attempts and connections since the last good connection."""
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
        """Handle one event; `now_s` is of a monotonic clock."""
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
        """Return the current state: a connection without pictures for a while is stalled."""
        if self.state is State.RUNNING and now_s - self._fresh_s > self._limits.silent_s:
            return State.STALLED
        return self.state

    def outage_s(self, now_s: float) -> float:
        """Return the total time without fresh pictures up to now."""
        is_out = self.state_at(now_s) not in (State.RUNNING, State.STOPPED)
        return self._outage_s + (now_s - self._fresh_s if is_out else 0.0)

    def next_try_s(self, now_s: float) -> float:
        """Return the time until the next attempt; 0 unless the machine is waiting for it."""
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
        # Then only the 8th, the 16th, …: an absent camera must not fill the log.
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
