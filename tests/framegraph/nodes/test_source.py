"""A source's loop: what its sinks are told at the end, and what does not end it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framegraph.delivery.acknowledging import Acknowledgement, AcknowledgementLinks
from framegraph.delivery.order import End
from framegraph.frames.store import FrameStore
from framegraph.nodes.source import KILLS_PER_ATTEMPT, SourceNode
from framegraph.properties import NoOptions
from framegraph.stage import Context, Frame, Resume, Source
from framegraph.wire.config import ProcessCommon, RunPaths
from framegraph.wire.outlet import Key, Outlet
from tests.framegraph.nodes.node_kit import DEADLINE_S, Surroundings, config_of


class TwoFrames(Source):
    """The second comes when it is let go."""

    go_on = threading.Event()

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        for number in range(2):
            if number:
                self.go_on.wait(DEADLINE_S)
            yield Frame(payload=np.zeros((2, 2, 3), np.uint8), pts_ns=number, running_ns=number)


class Bench:
    """A source's node and the one sink that commits its frames."""

    def __init__(self, folder: Path) -> None:
        paths = RunPaths(str(folder))
        Path(paths.pools).mkdir()
        self.around = Surroundings(
            folder,
            "camera",
            outlet=paths.outlet("camera", 0),
            acknowledgers=["film"],
            stages=["detect", "film"],
            common=ProcessCommon(
                max_size_buffers=1,
                window=2,
                frame_store=4,
                resend_after=10.0,
                max_attempts=3,
                drain=5.0,
                pool=str(folder),
            ),
            quarantine=str(folder / "quarantine"),
        )
        self.node = SourceNode(self.around.place, TwoFrames(NoOptions(), Context(name="camera")))
        self.film = AcknowledgementLinks(self.around.context, config_of(paths, "film"))
        self.committed = -1
        self.ends: list[int] = []

    @property
    def store(self) -> FrameStore:
        """The node's own, which is there once a frame has been captured."""
        store = self.node._capture.store
        assert store is not None
        return store

    def until(self, condition: Any) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline_s, f"told of the end: {self.ends}"
            self.node.step(time.monotonic())
            self.film.say("camera", Acknowledgement(self.committed, (), False), time.monotonic())
            self.ends += [told.last_seq for _source, told in self.film.receive() if isinstance(told, End)]

    def close(self) -> None:
        TwoFrames.go_on.set()
        self.around.close(self.node, self.film)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    TwoFrames.go_on.clear()
    made = Bench(tmp_path)
    yield made
    made.close()


def test_a_frame_captured_while_the_loop_looks_elsewhere_is_not_behind_the_eos(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.until(lambda: bench.node.counts["frames"] == 1)
    bench.committed = 0
    send_on = bench.node.send_on

    def send_on_late(outlet: Outlet, now_s: float) -> list[Key]:
        # The first frame has gone and nothing is in the frame store: now comes the last one, and the end.
        store = bench.node._capture.store
        if store is not None and not store.in_store:
            TwoFrames.go_on.set()
            while not bench.node._capture.is_done:
                time.sleep(0.001)
        return send_on(outlet, now_s)

    monkeypatch.setattr(bench.node, "send_on", send_on_late)
    bench.until(lambda: bench.node.counts["frames"] == 2)
    bench.committed = 1
    bench.until(lambda: bench.ends)
    assert bench.ends[0] == 1


def test_a_frame_is_given_up_though_its_picture_cannot_be_kept(bench: Bench) -> None:
    Path(bench.node.config.quarantine).write_text("a file, where there should be a folder")
    bench.until(lambda: bench.node.counts["frames"] == 1)
    bench.node.command({"kind": "frame_failed", "stage": "film", "seq": 0, "error": "too dark"})
    bench.committed = 0
    bench.until(lambda: bench.store.in_store == 0)
    assert bench.store.ledger().failed == {"film": 1}


@pytest.mark.parametrize(
    ("is_alone", "is_kill", "times", "failed"),
    [
        (True, False, 3, {"detect": 1}),
        (False, False, 3, {}),
        (True, True, 3 * KILLS_PER_ATTEMPT - 1, {}),
        (True, True, 3 * KILLS_PER_ATTEMPT, {"detect": 1}),
    ],
)
def test_a_death_counts_against_a_frame_that_was_alone_and_a_kill_counts_less(
    bench: Bench, is_alone: bool, is_kill: bool, times: int, failed: dict[str, int]
) -> None:
    bench.until(lambda: bench.node.counts["frames"] == 1)
    for incarnation in range(times):
        died = {"stage": "detect", "replica": 0, "incarnation": incarnation, "seqs": [0]}
        bench.node.command({"kind": "worker_died", **died, "is_alone": is_alone, "is_kill": is_kill})
    bench.committed = 0
    bench.until(lambda: bench.store.in_store == 0)
    assert bench.store.ledger().failed == failed
