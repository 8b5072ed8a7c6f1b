"""Any history of deliveries, deaths, losses and delays ends with each frame written once and in order."""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from framegraph.delivery.order import Order
from framegraph.frames.dispatch import Dispatch
from framegraph.packet import Packet
from tests.framegraph.frames.delivery_losses import Losses, OnlyLosses
from tests.framegraph.frames.delivery_world import Deaths

HISTORIES = settings(
    max_examples=80, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
ONE_FINDING = settings(HISTORIES, phases=[Phase.generate], derandomize=True, database=None, max_examples=400)
"""For machines with a fault: the same histories each time, and no search for the shortest."""

TestDeaths = Deaths.TestCase
TestDeaths.settings = HISTORIES
TestLosses = Losses.TestCase
TestLosses.settings = HISTORIES


# The machine finds the fault when a part of the guarantee is taken out


class TakesEveryCopy(Order):
    """Without de-duplication."""

    def offer(self, packet: Packet) -> bool:
        self._by_prev[packet.prev_seq] = packet
        return True


class ForgetsItsProgress(Order):
    """A sink that starts from the first frame after its death."""

    def __init__(self, last_seq: int = -1) -> None:
        super().__init__(-1)


class WritesWhatIsThere(Order):
    """Does not wait for the frame whose turn it is."""

    def take(self) -> Packet | None:
        first = min(self._by_prev, default=None)
        if first is None:
            return None
        packet = self._by_prev.pop(first)
        self.last_seq = packet.seq
        return packet


class IgnoresDeadWorkers(Dispatch):
    """Does not send again what went with a worker."""

    def worker_died(self, suspects: Iterable[int]) -> None:
        pass


class IgnoresDeadSinks(Dispatch):
    """Does not send again what a sink had received and lost by its death."""

    def record_acknowledgement(
        self, sink: str, incarnation: int, committed: int, received: Iterable[int]
    ) -> list[int]:
        again = set(self._again)
        released = super().record_acknowledgement(sink, incarnation, committed, received)
        self._again &= again
        return released


class NeverTimesOut(Dispatch):
    """Does not send again what is lost without a death."""

    def left(self, seq: int, now_s: float) -> None:
        pass


class SendsNothingAgain(Dispatch):
    def due(self, now_s: float) -> list[tuple[int, bool]]:
        return []


class SendsSuspectsTogether(Dispatch):
    """Does not try the frames of a died batch one at a time."""

    def due(self, now_s: float) -> list[tuple[int, bool]]:
        self._suspects.clear()
        return super().due(now_s)


class ReleasesAtTheFirstCommit(Dispatch):
    """Does not wait for the slower sink."""

    def record_acknowledgement(
        self, sink: str, incarnation: int, committed: int, received: Iterable[int]
    ) -> list[int]:
        for name in self.committed:
            self.committed[name] = max(self.committed[name], committed)
        return super().record_acknowledgement(sink, incarnation, committed, received)


class TellsNoGaps(Dispatch):
    def gaps_for(self, sink: str) -> list[int]:
        return []


class HasNoWindow(Dispatch):
    @property
    def has_window(self) -> bool:
        return True


@pytest.mark.parametrize("faulty", [TakesEveryCopy, ForgetsItsProgress, WritesWhatIsThere])
@pytest.mark.parametrize("machine", [Deaths, Losses])
def test_a_fault_in_the_order_is_found(machine: type[Deaths], faulty: type[Order]) -> None:
    with_fault = type("WithFault", (machine,), {"order_class": faulty})
    with pytest.raises(AssertionError):
        run_state_machine_as_test(with_fault, settings=ONE_FINDING)


@pytest.mark.parametrize(
    ("machine", "faulty"),
    [
        (Deaths, IgnoresDeadWorkers),
        (Deaths, IgnoresDeadSinks),
        (OnlyLosses, NeverTimesOut),
        (Deaths, SendsNothingAgain),
        (Losses, SendsNothingAgain),
        (Deaths, SendsSuspectsTogether),
        (Deaths, ReleasesAtTheFirstCommit),
        (Losses, ReleasesAtTheFirstCommit),
        (Deaths, TellsNoGaps),
        (Losses, TellsNoGaps),
        (Deaths, HasNoWindow),
    ],
    ids=lambda part: part.__name__,
)
def test_a_fault_in_the_dispatch_is_found(machine: type[Deaths], faulty: type[Dispatch]) -> None:
    with_fault = type("WithFault", (machine,), {"dispatch_class": faulty})
    with pytest.raises((AssertionError, KeyError)):
        run_state_machine_as_test(with_fault, settings=ONE_FINDING)
