"""A worker's loop: stages that misbehave fail their frame, the process stays; and how much it takes ahead."""

import itertools
import threading
import time
from typing import Any

import numpy as np
import pytest

from framegraph.nodes.worker import AHEAD_S, MAX_AHEAD, MAX_FAILURES_IN_A_ROW
from framegraph.packet import Packet
from framegraph.stage import Stage
from framegraph.wire import codec
from tests.framegraph.nodes.node_kit import DEADLINE_S

BAD = 1
"""The seq of the frame that the stages below cannot deal with."""


class Raises(Stage):
    def process(self, packet: Packet) -> Packet:
        if packet.seq == BAD:
            raise ValueError("too dark")
        return packet


class AnswersAnother(Stage):
    def process(self, packet: Packet) -> Packet:
        return Packet(source="camera", seq=99) if packet.seq == BAD else packet


class PutsIn(Stage):
    """Puts a value into a packet that no message can hold."""

    value: Any = None

    def process(self, packet: Packet) -> Packet:
        if packet.seq == BAD:
            packet.meta["found"] = self.value
        return packet


def puts_in(value: Any) -> type[Stage]:
    return type("PutsInThis", (PutsIn,), {"value": value})


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "stage",
    [
        pytest.param(Raises, id="raises"),
        pytest.param(AnswersAnother, id="answers another frame"),
        pytest.param(puts_in({1, 2}), id="a set"),
        pytest.param(puts_in(np.float32(0.5)), id="a numpy scalar"),
        pytest.param(puts_in(2**70), id="a huge number"),
        pytest.param(puts_in({1: "one"}), id="names that are numbers"),
        pytest.param(puts_in("x" * 2**21), id="a long text"),
    ],
)
def test_a_frame_whose_answer_is_no_good_fails_and_the_others_are_answered(
    benches: Any, stage: type[Stage], batch: int
) -> None:
    bench = benches(stage, batch)
    bench.put(0, BAD, 2, 3)
    bench.until_done(4)
    assert sorted(bench.answers) == [0, 2, 3]
    assert [(said["source"], said["seq"]) for said in bench.failed] == [("camera", BAD)]
    assert bench.page.read().working == ()
    assert not bench.error


def test_a_stage_that_fails_on_every_frame_ends_the_run_with_the_reason(benches: Any) -> None:
    class FailsAlways(Stage):
        def process(self, packet: Packet) -> Packet:
            raise RuntimeError("no model")

    bench = benches(FailsAlways)
    bench.put(*range(2 * MAX_FAILURES_IN_A_ROW))
    bench.until_done(MAX_FAILURES_IN_A_ROW)
    assert len(bench.failed) == MAX_FAILURES_IN_A_ROW
    assert bench.error.startswith(f"{MAX_FAILURES_IN_A_ROW} frames in a row failed")
    assert "RuntimeError: no model" in bench.error
    assert bench.node.exit_status == 1


def test_a_worker_that_has_given_up_works_on_nothing_more(benches: Any) -> None:
    class BreaksDown(Stage):
        def process(self, packet: Packet) -> Packet:
            if packet.seq >= 60:
                raise RuntimeError("the device is gone")
            return packet

    bench = benches(BreaksDown)
    bench.put(*range(90))
    # It has several packets ahead when the tenth failure in a row ends it.
    bench.until_done(60 + MAX_FAILURES_IN_A_ROW)
    assert bench.error.startswith(f"{MAX_FAILURES_IN_A_ROW} frames in a row failed")
    assert len(bench.failed) == MAX_FAILURES_IN_A_ROW


@pytest.mark.parametrize(("command", "answers"), [("stop", []), ("retire", [0])])
def test_a_worker_that_waits_for_a_fuller_batch_is_alive_and_obeys(
    benches: Any, command: str, answers: list[int]
) -> None:
    bench = benches(Stage, batch=4, batch_wait=1000.0)
    bench.put(0)
    loop = threading.Thread(target=bench.node.run, daemon=True)
    loop.start()
    deadline_s = time.monotonic() + DEADLINE_S
    while not bench.upstream.packets_sent:
        assert time.monotonic() < deadline_s
        bench.neighbours()
    # It goes round and round, but not without a pause.
    begun_s, rounds, last_s = time.monotonic(), 0, 0.0
    while rounds < 4:
        age_s = bench.page.read().loop_age_s
        rounds += age_s < last_s
        last_s = age_s
        assert time.monotonic() < deadline_s
    assert time.monotonic() - begun_s > 0.1

    bench.around.bus.send_multipart([b"detect.0#0", codec.pack({"kind": command})])

    while loop.is_alive():
        assert time.monotonic() < deadline_s
        bench.neighbours()
    assert bench.answers == answers


def test_a_batch_that_does_not_fill_is_worked_on_when_its_wait_is_over(benches: Any) -> None:
    sizes = []

    class Sizes(Stage):
        def process_batch(self, packets: list[Packet]) -> list[Packet]:
            sizes.append(len(packets))
            return packets

    bench = benches(Sizes, batch=4, batch_wait=0.5)
    bench.put(*range(6))
    bench.until_done(6)
    assert sizes == [4, 2]


def test_a_quick_stage_takes_several_packets_ahead_and_a_slow_one_does_not(benches: Any) -> None:
    class Quick(Stage):
        def process(self, packet: Packet) -> Packet:
            return packet

    class Slow(Stage):
        def process(self, packet: Packet) -> Packet:
            until_s = time.perf_counter() + AHEAD_S
            while time.perf_counter() < until_s:
                pass
            return packet

    for stage, room in ((Quick, 1 + MAX_AHEAD), (Slow, 2)):
        bench, deadline_s = benches(stage), time.monotonic() + DEADLINE_S
        # A machine with other work makes any stage slow for some packets: it shows what it is in the end.
        for first in itertools.count(step=80):
            assert time.monotonic() < deadline_s
            bench.put(*range(first, first + 60))
            bench.until_done(first + 60)
            bench.put(*range(first + 60, first + 80))
            if bench.has_room_for(room):
                break
            bench.until_done(first + 80)


def test_a_packet_that_comes_during_long_work_is_not_taken_for_lost(
    benches: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("framegraph.wire.outlet", "framegraph.nodes.receiving"):
        monkeypatch.setattr(f"{module}.FORGIVE_AFTER_S", 0.05)
    ahead: list[int] = []

    class Slow(Stage):
        def process(self, packet: Packet) -> Packet:
            # Only while it works its neighbour sends it what there is room for.
            bench.neighbours()
            ahead.append(bench.upstream.packets_sent - packet.seq)
            time.sleep(0.1)
            return packet

    bench = benches(Slow)
    bench.put(*range(12))
    deadline_s = time.monotonic() + DEADLINE_S
    while len(ahead) < 10:
        assert time.monotonic() < deadline_s, ahead
        if bench.upstream.packets_sent == len(ahead):
            bench.neighbours()
        bench.node.step(time.monotonic())
    # This one, and one more beside it.
    assert max(ahead) == 2
