"""A source's capture: a file waits for room, a live source never does."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from framegraph.errors import StageError
from framegraph.frames.capture import Capture
from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.store import FrameStore
from framegraph.nodes.frame_store_place import pool_folder
from framegraph.properties import NoOptions
from framegraph.stage import Context, Frame, Resume, Source
from framegraph.wire.status_page import StatusPage

SLOTS = 4
FRAMES = 12
DEADLINE_S = 10.0


class Counter(Source):
    """Gives numbered pictures; tells what it was told to go on after."""

    resume: Resume | None = None

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        self.resume = resume
        for number in range(FRAMES):
            image_bgr = np.full((2, 2, 3), number, np.uint8)
            yield Frame(payload=image_bgr, pts_ns=number, running_ns=number)


class Broken(Source):
    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        raise StageError("the camera fell down")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FrameStore]:
    file = FrameStoreFile.create(tmp_path / "frames", SLOTS)
    yield FrameStore(file, "camera", ("detect",))
    file.close()


@pytest.fixture
def page(tmp_path: Path) -> StatusPage:
    return StatusPage(tmp_path / "page")


@pytest.fixture
def capture(page: StatusPage) -> Callable[..., Capture]:
    def make(store: FrameStore, stage: Source | None = None, **fields: Any) -> Capture:
        source = stage or Counter(NoOptions(), Context(name="camera"))
        is_live = fields.pop("is_live", False)
        source.is_live = lambda _options: is_live  # type: ignore[method-assign, assignment]
        options = {"resume": None, "max_waiting": 2, "page": page, **fields}
        return Capture(source, lambda _frame: store, None, **options)

    return make


def waiting(taking: Capture, store: FrameStore) -> list[int]:
    with taking.lock:
        return store.waiting()


def until(condition: Any) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)


def test_a_file_waits_when_as_many_wait_as_may(capture: Callable[..., Capture], store: FrameStore) -> None:
    taking = capture(store)
    taking.start()
    until(lambda: len(waiting(taking, store)) == 2)
    sent: list[int] = []
    while len(sent) < FRAMES:
        with taking.lock:
            for seq in store.waiting():
                store.send(seq)
                store.release(seq)
                sent.append(seq)
            taking.has_room_again()
        assert len(waiting(taking, store)) <= 2
    until(lambda: taking.is_done)
    assert sent == list(range(FRAMES))
    assert store.ledger().dropped == {}


def test_a_live_source_keeps_the_freshest_and_counts_what_it_drops(
    capture: Callable[..., Capture], store: FrameStore
) -> None:
    taking = capture(store, is_live=True)
    taking.start()
    until(lambda: taking.is_done)
    assert taking.error is None
    assert store.waiting() == [FRAMES - 2, FRAMES - 1]
    assert store.ledger().dropped == {"leaky": FRAMES - 2}
    assert store.ledger().balanced


@pytest.mark.parametrize("out", range(SLOTS - 1))
def test_a_live_source_goes_on_however_full_its_frame_store_is(
    capture: Callable[..., Capture], store: FrameStore, out: int
) -> None:
    # Sinks that receive at once and commit slowly let frames pile up in the frame store; the source's host leaves
    # as many slots as frames may wait.
    for number in range(out):
        store.send(store.capture(Frame(payload=np.zeros((2, 2, 3), np.uint8), pts_ns=0, running_ns=number)))
    taking = capture(store, is_live=True)
    taking.start()
    until(lambda: taking.is_done)
    assert taking.error is None
    assert store.out() == list(range(out))
    assert store.ledger().balanced


def test_the_end_of_a_source_that_fails_carries_its_error(
    capture: Callable[..., Capture], store: FrameStore
) -> None:
    taking = capture(store, Broken(NoOptions(), Context(name="camera")))
    taking.start()
    until(lambda: taking.is_done)
    assert str(taking.error) == "the camera fell down"


def test_a_source_is_told_where_to_go_on(capture: Callable[..., Capture], store: FrameStore) -> None:
    source = Counter(NoOptions(), Context(name="camera"))
    resume = Resume(captured=3, epoch=0, pts_ns=2, running_ns=2)
    taking = capture(store, source, resume=resume, is_live=True)
    taking.start()
    until(lambda: taking.is_done)
    assert source.resume == resume


def test_a_stopped_capture_takes_nothing_more(capture: Callable[..., Capture], store: FrameStore) -> None:
    taking = capture(store)
    taking.start()
    until(lambda: len(waiting(taking, store)) == 2)
    taking.stop()
    until(lambda: taking.is_done)
    assert store.ledger().captured == 2


def test_a_pool_goes_where_there_is_room_and_says_where_there_was_none(tmp_path: Path) -> None:
    assert pool_folder([tmp_path], 1) == tmp_path
    with pytest.raises(
        StageError, match=rf"^no room for the pixel pool: it needs .* and {tmp_path} has .* MB; "
    ):
        pool_folder([tmp_path], 2**62)
    with pytest.raises(StageError, match=r"nowhere: No such file or directory; make the folder$"):
        pool_folder([tmp_path / "nowhere"], 1)


def test_a_pool_whose_size_is_not_known_yet_goes_where_there_is_most_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = {tmp_path / "small": 10, tmp_path / "large": 1000, tmp_path / "middle": 100}

    def statvfs(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=blocks[folder], f_frsize=1)

    monkeypatch.setattr("os.statvfs", statvfs)
    assert pool_folder(list(blocks), 0) == tmp_path / "large"
    assert pool_folder(list(blocks), 100) == tmp_path / "large"
    assert pool_folder(list(blocks), 10) == tmp_path / "small"


class Asked(Source):
    """Remembers what its process's page said while it was asked for each frame."""

    def __init__(self, page: StatusPage) -> None:
        super().__init__(NoOptions(), Context(name="camera"))
        self.page = page
        self.said: list[tuple[bool, int]] = []

    def frames(self, resume: Resume | None) -> Iterator[Frame]:
        for number in range(3):
            status = self.page.read()
            self.said.append((status.asked_age_s is not None, status.asked_seq))
            yield Frame(payload=np.zeros((2, 2, 3), np.uint8), pts_ns=number, running_ns=number)


@pytest.mark.parametrize(
    ("is_live", "seqs"), [pytest.param(False, [5, 6, 7], id="file"), pytest.param(True, [-1] * 3, id="live")]
)
def test_which_frame_is_asked_for_is_written_down_before(
    capture: Callable[..., Capture], store: FrameStore, page: StatusPage, is_live: bool, seqs: list[int]
) -> None:
    source = Asked(page)
    resume = Resume(captured=5, epoch=0, pts_ns=4, running_ns=4)
    taking = capture(store, source, resume=resume, is_live=is_live, max_waiting=SLOTS)
    taking.start()
    until(lambda: taking.is_done)
    assert source.said == [(True, seq) for seq in seqs]
    assert page.read().asked_age_s is None
    assert page.read().done == len(seqs)


class Skipping(Counter):
    """Finds that the next three frames have to be left out."""

    def leave_out(self, resume: Resume | None) -> Resume | None:
        return Resume(captured=3, epoch=0, pts_ns=2, running_ns=2, begin_ns=3)


def test_a_source_goes_on_after_a_deadly_frame(capture: Callable[..., Capture], store: FrameStore) -> None:
    source = Skipping(NoOptions(), Context(name="camera"))
    taking = capture(store, source, deadly_seq=0, max_waiting=SLOTS)
    taking.start()
    until(lambda: source.resume is not None)
    assert source.resume == source.leave_out(None)
    assert store.ledger().dropped == {"undecodable": 3}
    taking.stop()
    until(lambda: not taking.is_waiting)


def test_a_stopped_capture_leaves_nothing_out(capture: Callable[..., Capture], store: FrameStore) -> None:
    source = Skipping(NoOptions(), Context(name="camera"))
    taking = capture(store, source, deadly_seq=0)
    taking.stop()
    taking.start()
    until(lambda: not taking.is_waiting)
    assert source.resume is None
    assert store.ledger().captured == 0
