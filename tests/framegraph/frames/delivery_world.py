"""One source, three workers and two sinks that misbehave in every way the design allows for.

The decisions are the real ones (Dispatch, Order, Inbox); sockets, processes and disks are lists here. Two
machines: in `Deaths` processes die and nothing else is lost, so the clock may stand still; in `Losses`
packets and messages get lost, doubled and late as well, and time heals.
"""

from collections.abc import Iterable
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from framegraph.delivery.order import Order
from framegraph.frames.dispatch import Dispatch
from framegraph.packet import Packet
from framegraph.wire.inlet import Arrival
from tests.framegraph.frames.delivery_parts import Acknowledgement, SinkProcess, Worker

WINDOW = 4
SLOTS = 9
BATCH = 2
FRAMES = 40
MAX_ATTEMPTS = 3
PICK = st.integers(0, 20)
FEW = st.integers(1, 4)


class Deaths(RuleBasedStateMachine):
    """Any process dies at any moment. Nothing is lost but what was in it or on its way to it."""

    dispatch_class: ClassVar[type[Dispatch]] = Dispatch
    order_class: ClassVar[type[Order]] = Order
    seconds_per_round: ClassVar[float] = 0.0
    are_there_deaths: ClassVar[bool | None] = True

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.frames_in_store: dict[int, int] = {}
        """Frames in the frame store: {seq: the one sent before}."""
        self.chain: list[int] = []
        """Every seq that was ever sent, in order: what each sink has to write."""
        self.attempts: dict[int, int] = {}
        self.gaps: set[int] = set()
        self.poison: frozenset[int] = frozenset()
        self.next_seq = 0
        self.workers = [Worker() for _ in range(3)]
        self.sinks = {name: SinkProcess(self.order_class()) for name in ("film", "results")}
        self.outlet: dict[int, Packet] = {}
        self.haves: list[Acknowledgement] = []
        self.deaths: list[tuple[int, ...]] = []
        self.failures: list[int] = []
        self.is_deadly = True
        self.is_blameless = True
        """No frame can have failed but the poisonous ones."""
        self.told: dict[str, Acknowledgement] = {}
        self.dispatch = self._new_dispatch()

    def _new_dispatch(self) -> Dispatch:
        return self.dispatch_class(sinks=self.sinks, window=WINDOW, resend_after_s=1.0)

    @initialize(poison=st.frozensets(st.integers(0, 12), max_size=2), is_deadly=st.booleans())
    def some_frames_kill_who_works_on_them(self, poison: frozenset[int], is_deadly: bool) -> None:
        self.is_deadly = is_deadly if self.are_there_deaths is None else self.are_there_deaths
        self.poison = poison if self.is_deadly else frozenset()

    # The source

    @rule(count=FEW, skipped=st.integers(0, 1))
    def send(self, count: int, skipped: int) -> None:
        self.next_seq += skipped  # dropped before they were sent: a hole, no packet
        for _ in range(count):
            if len(self.frames_in_store) == SLOTS or self.next_seq >= FRAMES or not self.dispatch.has_window:
                return
            assert self._unreceived() < WINDOW, "a frame was sent into a full window"
            seq = self.next_seq
            self.next_seq += 1
            self.frames_in_store[seq] = self.chain[-1] if self.chain else -1
            self.chain.append(seq)
            self.dispatch.sent(seq)
            self._put(seq, alone=False)

    def _unreceived(self) -> int:
        """Frames that, as far as the source was told, some sink has not received."""
        return sum(
            any(
                (said := self.told.get(sink)) is None or (seq > said.committed and seq not in said.received)
                for sink in self.sinks
            )
            for seq in self.frames_in_store
        )

    def _packet(self, seq: int, alone: bool) -> Packet:
        floor = self.dispatch.floor_seq(seq)
        return Packet(
            source="camera", seq=seq, prev_seq=self.frames_in_store[seq], floor_seq=floor, alone=alone
        )

    def _put(self, seq: int, *, alone: bool) -> None:
        self.outlet[seq] = self._packet(seq, alone)

    @rule()
    def send_again(self) -> None:
        for seq, alone in self.dispatch.due(self.now_s):
            self._put(seq, alone=alone)

    @rule()
    def send_gaps(self) -> None:
        for name, sink in self.sinks.items():
            for seq in self.dispatch.gaps_for(name):
                packet = self._packet(seq, alone=False)
                packet.status = "failed(detect)"
                sink.coming.append(packet)

    @rule(pick=PICK)
    def leave_the_outlet(self, pick: int) -> None:
        for turn in range(len(self.workers)):
            worker = self.workers[(pick + turn) % len(self.workers)]
            while self.outlet and len(worker.inbox) <= BATCH:
                seq = next(iter(self.outlet))
                worker.inbox.put(Arrival("", self.outlet.pop(seq), []))
                self.dispatch.left(seq, self.now_s)

    @precondition(lambda self: self.haves)
    @rule(pick=PICK)
    def hear_a_sink(self, pick: int) -> None:
        have = self.haves.pop(pick % len(self.haves))
        newest = self.told.get(have.sink, have)
        if have.incarnation >= newest.incarnation:
            committed = max(have.committed, newest.committed)
            self.told[have.sink] = Acknowledgement(have.sink, have.incarnation, committed, have.received)
        for seq in self.dispatch.record_acknowledgement(
            have.sink, have.incarnation, have.committed, have.received
        ):
            for name, sink in self.sinks.items():
                assert seq in sink.committed, f"frame {seq} was released, {name} has not committed it"
            del self.frames_in_store[seq]
            self.outlet.pop(seq, None)

    @precondition(lambda self: self.deaths)
    @rule()
    def hear_of_a_death(self) -> None:
        suspects = self.deaths.pop(0)
        self.dispatch.worker_died(suspects)
        alone = self.dispatch.was_alone(suspects)
        if alone is not None:
            self.attempts[alone] = self.attempts.get(alone, 0) + 1
            if self.attempts[alone] >= MAX_ATTEMPTS:
                self._give_up(alone)

    @precondition(lambda self: self.failures)
    @rule()
    def hear_of_a_failure(self) -> None:
        self._give_up(self.failures.pop(0))

    def _give_up(self, seq: int) -> None:
        if self.dispatch.is_out(seq):
            self.gaps.add(seq)
            self.dispatch.gave_up(seq)
            self.outlet.pop(seq, None)

    @precondition(lambda self: self.is_deadly)
    @rule()
    def the_source_dies_and_its_successor_adopts(self) -> None:
        self.outlet.clear()
        self.haves.clear()
        self.told.clear()
        self.dispatch = self._new_dispatch()
        for seq in self.frames_in_store:
            self.dispatch.sent(seq)
        for seq in self.frames_in_store:
            if seq in self.gaps:
                self.dispatch.gave_up(seq)
            else:
                self._put(seq, alone=False)

    # Workers

    @rule(pick=PICK)
    def work(self, pick: int) -> None:
        place = pick % len(self.workers)
        batch = [arrival.packet for arrival in self.workers[place].inbox.take(BATCH)]
        if any(packet.seq in self.poison for packet in batch):
            self._worker_ends(place, batch)
            return
        for packet in batch:
            for sink in self.sinks.values():
                sink.coming.append(packet)

    def _worker_ends(self, place: int, working: Iterable[Packet]) -> None:
        self.workers[place] = Worker()
        self.deaths.append(tuple(packet.seq for packet in working))

    @precondition(lambda self: self.is_deadly)
    @rule(pick=PICK, is_at_work=st.booleans())
    def kill_a_worker(self, pick: int, is_at_work: bool) -> None:
        place = pick % len(self.workers)
        batch = self.workers[place].inbox.take(BATCH) if is_at_work else []
        self.is_blameless = self.is_blameless and not batch
        self._worker_ends(place, [arrival.packet for arrival in batch])

    @rule(pick=PICK)
    def a_stage_raises_twice(self, pick: int) -> None:
        for arrival in self.workers[pick % len(self.workers)].inbox.take(1):
            self.is_blameless = False
            self.failures.append(arrival.packet.seq)

    # Sinks

    def _sink(self, pick: int) -> SinkProcess:
        return list(self.sinks.values())[pick % len(self.sinks)]

    @rule(pick=PICK, count=FEW, turn=PICK)
    def reach_a_sink(self, pick: int, count: int, turn: int) -> None:
        sink = self._sink(pick)
        for _ in range(min(count, len(sink.coming))):
            sink.order.offer(sink.coming.pop(turn % len(sink.coming)))

    @rule(pick=PICK, count=FEW)
    def write(self, pick: int, count: int) -> None:
        sink = self._sink(pick)
        for _ in range(count):
            packet = sink.order.take()
            if packet is None:
                return
            turn = self.chain[len(sink.committed)] if len(sink.committed) < len(self.chain) else None
            assert packet.seq == turn, f"frame {packet.seq} was written when it was the turn of {turn}"
            sink.committed.append(packet.seq)

    @rule(pick=PICK)
    def say_what_is_here(self, pick: int) -> None:
        name = list(self.sinks)[pick % len(self.sinks)]
        sink = self.sinks[name]
        committed = sink.committed[-1] if sink.committed else -1
        self.haves.append(Acknowledgement(name, sink.incarnation, committed, tuple(sink.order.held)))

    @precondition(lambda self: self.is_deadly)
    @rule(pick=PICK)
    def kill_a_sink(self, pick: int) -> None:
        sink = self._sink(pick)
        sink.order = self.order_class(last_seq=sink.committed[-1] if sink.committed else -1)
        sink.incarnation += 1
        sink.coming.clear()
        self.deaths.append(())

    @rule(is_written=st.booleans())
    def all_goes_well_for_a_while(self, is_written: bool) -> None:
        """Leads histories to where a single fault, afterwards, does most harm."""
        self._one_round(is_written)

    # What holds at any moment

    @invariant()
    def what_waits_is_bounded_and_new(self) -> None:
        for name, sink in self.sinks.items():
            last = sink.committed[-1] if sink.committed else -1
            assert all(seq > last for seq in sink.order.held), f"{name} holds a frame that it has written"
            assert len(sink.order.held) <= SLOTS
        assert len(self.outlet) <= SLOTS

    # What holds in the end

    def _one_round(self, is_written: bool) -> None:
        """Everybody does everything once, and nothing goes wrong but what is poisonous."""
        while self.deaths:
            self.hear_of_a_death()
        while self.failures:
            self.hear_of_a_failure()
        while self.haves:
            self.hear_a_sink(0)
        self.send(4, 0)
        self.send_again()
        self.send_gaps()
        for place in range(len(self.workers)):
            self.leave_the_outlet(place)
            for _ in range(BATCH + 1):
                self.work(place)
        for place, sink in enumerate(self.sinks.values()):
            while sink.coming:
                self.reach_a_sink(place, 1, 0)
            if is_written:
                self.write(place, SLOTS)
            self.say_what_is_here(place)

    def teardown(self) -> None:
        rounds = 0
        while self.next_seq < FRAMES or self.frames_in_store:
            self.now_s += self.seconds_per_round
            self._one_round(is_written=True)
            rounds += 1
            assert rounds < 3 * FRAMES, (
                f"frames {sorted(self.frames_in_store)} never end: committed "
                f"{ {name: sink.committed[-1:] for name, sink in self.sinks.items()} }"
            )
        for name, sink in self.sinks.items():
            assert sink.committed == self.chain, f"{name} has not written every frame once and in order"
        self._one_round(is_written=True)
        self.what_waits_is_bounded_and_new()
        assert self.dispatch.is_empty
        assert self.dispatch.outstanding == 0
        if self.is_blameless:
            assert self.gaps == self.poison & set(self.chain), "a frame failed that was not poisonous"
