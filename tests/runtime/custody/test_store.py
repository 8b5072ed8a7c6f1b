"""Frames in custody: whatever happens to the process, every captured frame has exactly one outcome."""

import contextlib
import dataclasses
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.custody import layout
from runtime.custody.layout import CustodyFile
from runtime.custody.ledger import Ledger, read_ledger
from runtime.custody.reader import PoolReader
from runtime.custody.store import FrameStore
from runtime.errors import PixelsGoneError, StageError
from runtime.packet import PixelHandle
from runtime.stage import Frame, Resume

STAGES = ("detect", "classify", "film")
SLOTS = 6


def frame(number: int = 0, *, width: int = 8, height: int = 4, **fields: Any) -> Frame:
    image_bgr = np.full((height, width, 3), number % 256, np.uint8)
    return Frame(image_bgr=image_bgr, **{"pts_ns": number * 40, "running_ns": number * 40, **fields})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "custody"


@pytest.fixture
def store(path: Path) -> Iterator[FrameStore]:
    file = CustodyFile.create(path, SLOTS)
    yield FrameStore(file, "camera", STAGES)
    file.close()


@contextlib.contextmanager
def adopted(path: Path) -> Iterator[FrameStore]:
    """The store of a successor, until it ends."""
    file = CustodyFile(path, writable=True)
    try:
        yield FrameStore(file, "camera", STAGES)
    finally:
        file.close()


def describe(store: FrameStore) -> dict[str, Any]:
    """All that a successor has to know: frames with their packets, the ledger, drops not yet told."""
    return {
        "waiting": store.waiting(),
        "out": store.out(),
        "packets": [(store.packet(seq, 0), store.pixels(seq).tobytes()) for seq in store.out()],
        "ledger": store.ledger(),
        "told": store.told(),
        "deaths": [store._file.word(store._slot_of[seq], layout.S_DEATHS) for seq in store.out()],
        "resume": store.resume,
        "last_sent_seq": store.last_sent_seq,
    }


# One frame through custody


def test_an_empty_store_has_nothing_and_balances(store: FrameStore) -> None:
    assert store.ledger() == Ledger(captured=0, delivered=0, dropped={}, failed={}, in_flight=0)
    assert store.ledger().balanced
    assert store.resume is None
    assert store.last_sent_seq == -1
    assert store.in_custody == 0


def test_a_packet_names_its_frame_its_predecessor_and_where_its_pixels_are(store: FrameStore) -> None:
    for number in range(3):
        store.capture(
            frame(number, epoch=2, duration_ns=40, uri="männer/a.jpg", flags=("DISCONT", "LIVE"), height=2)
        )
    store.drop(0, "leaky")
    store.send(1)
    store.send(2)
    store.send_again(2)

    packet = store.packet(2, floor_seq=1)

    assert (packet.source, packet.seq, packet.prev_seq, packet.floor_seq) == ("camera", 2, 1, 1)
    assert (packet.epoch, packet.attempt, packet.pts_ns, packet.duration_ns) == (2, 1, 80, 40)
    assert (packet.uri, packet.size_wh, packet.status) == ("männer/a.jpg", (8, 2), "ok")
    assert packet.flags == ["DISCONT", "LIVE"]
    assert store.packet(1, 1).dropped == [(0, 0, "leaky")]
    assert packet.dropped == []
    assert packet.handle is not None
    assert packet.handle.shape == (2, 8, 3)


def test_a_reader_sees_the_frame_in_place_and_cannot_change_it(store: FrameStore, tmp_path: Path) -> None:
    store.capture(frame(7))
    store.send(0)
    handle = store.packet(0, 0).handle
    assert handle is not None
    (tmp_path / "pools").mkdir()
    (tmp_path / "pools" / "camera").symlink_to(tmp_path / "custody")
    reader = PoolReader(str(tmp_path / "pools"))

    image_bgr = reader.find(handle)

    assert (image_bgr == 7).all()
    assert image_bgr.shape == (4, 8, 3)
    assert not image_bgr.flags.writeable
    del image_bgr
    reader.close()


def test_pixels_are_gone_when_the_slot_has_another_frame(store: FrameStore, tmp_path: Path) -> None:
    store.capture(frame(0))
    store.send(0)
    handle = store.packet(0, 0).handle
    assert handle is not None
    (tmp_path / "pools").mkdir()
    (tmp_path / "pools" / "camera").symlink_to(tmp_path / "custody")
    reader = PoolReader(str(tmp_path / "pools"))
    reader.find(handle)

    store.release(0)
    store.capture(frame(1))

    with pytest.raises(PixelsGoneError, match=f"slot {handle.slot} of camera holds another frame"):
        reader.find(handle)
    assert not reader.is_valid(handle)
    reader.close()


@pytest.mark.parametrize("pool", ["", ".", "..", "../custody", "nothing", "a\0b", "/etc/passwd"])
def test_a_pool_that_a_packet_makes_up_is_not_opened(pool: str, tmp_path: Path) -> None:
    reader = PoolReader(str(tmp_path))
    with pytest.raises(PixelsGoneError):
        reader.find(PixelHandle(pool=pool, slot=0, generation=0, shape=(1, 1, 3)))


@pytest.mark.parametrize("slot", [-1, SLOTS, 2**62])
def test_a_slot_that_a_packet_makes_up_is_gone(slot: int, store: FrameStore, tmp_path: Path) -> None:
    reader = PoolReader(str(tmp_path))
    with pytest.raises(PixelsGoneError, match=f"custody has no slot {slot}"):
        reader.find(PixelHandle(pool="custody", slot=slot, generation=0, shape=(1, 1, 3)))
    reader.close()


def test_a_uri_is_kept_as_far_as_it_fits_and_stays_text(store: FrameStore) -> None:
    store.capture(frame(uri="ä" * layout.URI_BYTES))
    store.send(0)
    assert store.packet(0, 0).uri == "ä" * (layout.URI_BYTES // 2)


def test_a_file_name_that_is_not_utf8_does_not_end_the_capture(store: FrameStore) -> None:
    store.capture(frame(uri=os.fsdecode(b"caf\xe9.jpg")))
    store.send(0)
    assert store.packet(0, 0).uri.startswith("caf")


@pytest.mark.parametrize(
    ("status", "counted"),
    [
        pytest.param(None, {"delivered": 1}, id="analysed"),
        pytest.param("failed(classify)", {"failed": {"classify": 1}}, id="failed at a worker"),
        pytest.param("failed(film)", {"failed": {"film": 1}}, id="failed at a sink"),
        pytest.param("flushed", {"dropped": {"flushed": 1}}, id="flushed"),
    ],
)
def test_a_released_frame_is_counted_by_its_status(
    store: FrameStore, status: str | None, counted: dict[str, Any]
) -> None:
    store.capture(frame())
    store.send(0)
    if status:
        store.give_up(0, status)

    assert store.packet(0, 0).status == (status or "ok")
    assert store.release(0) == (status or "ok")
    zero: dict[str, Any] = {"captured": 1, "delivered": 0, "dropped": {}, "failed": {}, "in_flight": 0}
    assert store.ledger() == Ledger(**{**zero, **counted})


def test_deaths_on_a_frame_are_counted_and_start_at_zero_for_the_next_in_its_slot(store: FrameStore) -> None:
    store.capture(frame())
    store.send(0)
    assert [store.count_death(0) for _ in range(2)] == [1, 2]
    store.release(0)
    for number in range(SLOTS):
        store.capture(frame(number))
    assert {store.count_death(seq) for seq in store.waiting()} == {1}


# Drops


def dropped(store: FrameStore, *reasons: str) -> None:
    for reason in reasons:
        store.drop(store.capture(frame()), reason)


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        pytest.param([], [], id="no drop"),
        pytest.param(["leaky"], [(0, 0, "leaky")], id="one"),
        pytest.param(["leaky"] * 5, [(0, 4, "leaky")], id="a stretch"),
        pytest.param(
            ["leaky", "leaky", "late", "leaky"],
            [(0, 1, "leaky"), (2, 2, "late"), (3, 3, "leaky")],
            id="two reasons",
        ),
    ],
)
def test_drops_of_one_reason_are_told_as_a_stretch(
    store: FrameStore, reasons: list[str], told: list[tuple[int, int, str]]
) -> None:
    dropped(store, *reasons)
    seq = store.capture(frame())
    store.send(seq)
    assert store.packet(seq, 0).dropped == told
    assert store.told() == []


@given(reasons=st.lists(st.sampled_from(["leaky", "late"]), max_size=40))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_dropped_frame_is_told_once_however_reasons_alternate(
    tmp_path: Path, reasons: list[str]
) -> None:
    path = tmp_path / "custody"
    path.unlink(missing_ok=True)
    store = FrameStore(CustodyFile.create(path, 2), "camera", STAGES)

    dropped(store, *reasons)
    seq = store.capture(frame())
    store.send(seq)

    told = store.packet(seq, 0).dropped
    assert [n for first, last, _reason in told for n in range(first, last + 1)] == list(range(len(reasons)))
    assert len(told) <= layout.MAX_STRETCHES
    assert store.ledger().dropped == {reason: reasons.count(reason) for reason in set(reasons)}
    store._file.close()


# Any sequence of operations

OPERATIONS = st.lists(
    st.sampled_from(
        ["capture", "send", "drop", "release", "again", "death", "fail", "flush", "adopt", "capture", "send"]
    ),
    max_size=60,
)


def carry_out(store: FrameStore, operation: str, path: Path) -> FrameStore:
    """Do one thing as the source's host does it, if it can be done now."""
    waiting, out = store.waiting(), store.out()
    match operation:
        case "capture" if store.has_room:
            store.capture(frame(store.ledger().captured))
        case "send" if waiting:
            store.send(waiting[0])
        case "drop" if waiting:
            store.drop(waiting[0], "leaky" if len(out) % 2 else "late")
        case "release" if out:
            store.release(out[0])
        case "again" if out:
            store.send_again(out[-1])
        case "death" if out:
            store.count_death(out[0])
        case "fail" if out:
            store.give_up(out[0], "failed(detect)")
        case "flush" if out:
            store.give_up(out[-1], "flushed")
        case "adopt":
            store._file.close()
            return FrameStore(CustodyFile(path, writable=True), "camera", STAGES)
    return store


@given(operations=OPERATIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_ledger_balances_and_a_successor_knows_the_same_at_any_moment(
    tmp_path: Path, operations: list[str]
) -> None:
    path = tmp_path / "custody"
    path.unlink(missing_ok=True)
    store = FrameStore(CustodyFile.create(path, 4), "camera", STAGES)
    for operation in operations:
        store = carry_out(store, operation, path)
        ledger = store.ledger()
        assert ledger.balanced
        assert ledger.in_flight == store.in_custody == len(store.waiting()) + len(store.out())
    with adopted(path) as successor:
        assert describe(successor) == describe(store)
    told = [last for _first, last, _reason in store.told()]
    assert all(last > store.last_sent_seq for last in told)
    store._file.close()


def test_a_successor_goes_on_where_the_last_frame_was(store: FrameStore, path: Path) -> None:
    for number in range(3):
        store.capture(dataclasses.replace(frame(number, epoch=number), outage_s=number / 2))
    with adopted(path) as successor:
        resume = successor.resume
        assert resume is not None
        assert resume.capture_time_ns == successor.packet(2, 0).capture_time_ns
        known = dataclasses.replace(resume, capture_time_ns=0)
        assert known == Resume(captured=3, epoch=2, pts_ns=80, running_ns=80, outage_s=1.0)
        assert successor.ledger().outage_s == 1.0


def test_frames_left_out_are_captured_and_dropped_and_the_next_one_sent_tells_of_them(
    store: FrameStore, path: Path
) -> None:
    store.send(store.capture(frame()))
    assert store.leave_out(left_out(7)) == (1, 7)
    assert store.ledger() == Ledger(
        captured=7, delivered=0, dropped={"undecodable": 6}, failed={}, in_flight=1
    )
    with adopted(path) as successor:
        assert successor.resume is not None
        assert dataclasses.replace(successor.resume, capture_time_ns=0) == left_out(7)
    store.send(store.capture(frame(20)))
    assert store.packet(7, 0).dropped == [(1, 6, "undecodable")]
    assert store.packet(7, 0).prev_seq == 0


def test_where_decoding_may_begin_holds_for_the_epoch(store: FrameStore) -> None:
    store.leave_out(left_out(3))
    store.capture(frame(20))
    assert store.resume is not None
    assert store.resume.begin_ns == 340
    store.capture(frame(21, epoch=1))
    assert store.resume.begin_ns is None


def test_nothing_left_out_still_moves_where_decoding_begins(store: FrameStore) -> None:
    store.leave_out(left_out(0))
    assert store.ledger().balanced
    assert store.told() == []
    assert store.resume == left_out(0)


# Killed in the middle of a change


class Killed(BaseException):
    """The process ends here."""


class WordsUntilKilled:
    """The words of a custody file; the process is killed before it has stored so many."""

    def __init__(self, words: memoryview, stores_left: int) -> None:
        self._words = words
        self._left = stores_left

    def __getitem__(self, place: Any) -> Any:
        return self._words[place]

    def __setitem__(self, place: int, value: int) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1
        self._words[place] = value

    def release(self) -> None:
        """Part of memoryview's ways."""


def left_out(captured: int) -> Resume:
    return Resume(captured=captured, epoch=0, pts_ns=300, running_ns=310, begin_ns=340)


def some_history(store: FrameStore) -> None:
    """Frames in every state, and a drop to be told."""
    for number in range(4):
        store.capture(frame(number, uri=f"{number}.jpg"))
    store.send(0)
    store.send(1)
    store.drop(2, "leaky")


CHANGES = {
    "capture": lambda store: store.capture(frame(9, epoch=1, uri="nine.jpg")),
    "send": lambda store: store.send(3),
    "send again": lambda store: store.send_again(0),
    "count a death": lambda store: store.count_death(0),
    "give up": lambda store: store.give_up(1, "failed(detect)"),
    "drop": lambda store: store.drop(3, "late"),
    "release": lambda store: store.release(0),
    "leave out": lambda store: store.leave_out(left_out(7)),
}


def known_to_a_successor(path: Path) -> dict[str, Any]:
    """What a successor knows, but for pixels and clock times, in which two runs differ."""
    with adopted(path) as store:
        found = describe(store)
    packets = [packet for packet, _pixels in found["packets"]]
    for packet in packets:
        packet.capture_time_ns = 0
    resume = dataclasses.replace(found["resume"], capture_time_ns=0)
    return {**found, "packets": packets, "resume": resume}


def ledger_read_from(path: Path) -> Ledger:
    """What the launcher reads, whoever lives."""
    reader = CustodyFile(path, writable=False)
    try:
        return read_ledger(reader, STAGES)
    finally:
        reader.close()


def without_pixels(whole: Path, copy: Path) -> None:
    """Copy a custody file's words; the pixels of the copy are a hole."""
    with whole.open("rb") as source, copy.open("wb") as target:
        target.write(source.read(layout.PAGE_BYTES * (1 + SLOTS)))
        target.truncate(whole.stat().st_size)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_kill_at_any_store_leaves_all_of_a_change_or_nothing(path: Path, change: Any) -> None:
    file = CustodyFile.create(path, SLOTS)
    some_history(FrameStore(file, "camera", STAGES))
    before = known_to_a_successor(path)
    start, killed = path.with_name("start"), path.with_name("killed")
    without_pixels(path, start)
    change(FrameStore(file, "camera", STAGES))
    file.close()
    after = known_to_a_successor(path)
    assert after != before

    for stores in range(1000):
        without_pixels(start, killed)
        dying = CustodyFile(killed, writable=True)
        store, words = FrameStore(dying, "camera", STAGES), dying.words
        dying.words = WordsUntilKilled(words, stores)  # type: ignore[assignment]
        try:
            change(store)
        except Killed:
            is_whole = False
        else:
            is_whole = True
        dying.words = words
        dying.close()
        assert ledger_read_from(killed).balanced
        found = known_to_a_successor(killed)
        if is_whole:
            assert found == after
            assert stores > 3
            return
        assert found in (before, after), f"half a change after {stores} stores"
        assert found["ledger"].balanced
    raise AssertionError("the change never ended")


class Recorded(WordsUntilKilled):
    """The words of a custody file, and each store in them."""

    def __init__(self, words: memoryview) -> None:
        super().__init__(words, -1)
        self.stores: list[tuple[int, int]] = []

    def __setitem__(self, place: int, value: int) -> None:
        self.stores.append((place, value))
        self._words[place] = value


class ChangingWords:
    """Words in which a writer goes on storing while a reader has copied a part of them.

    The writer has made `first` of its stores when the reader comes, makes those up to `second` in the
    middle of the reader's first look, and then does nothing more: it is dead, or has not the processor.
    """

    def __init__(
        self, words: list[int], stores: list[tuple[int, int]], first: int, second: int, middle: int
    ) -> None:
        self._words = words[:]
        self._middle = middle
        self._store(stores[:first])
        self._coming = stores[first:second]

    def _store(self, stores: list[tuple[int, int]]) -> None:
        for place, value in stores:
            self._words[place] = value

    def __getitem__(self, place: int) -> int:
        return self._words[place]

    def tolist(self) -> list[int]:
        copied = self._words[: self._middle]
        self._store(self._coming)
        self._coming = []
        return copied + self._words[self._middle :]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_ledger_read_at_any_moment_of_a_change_balances(path: Path, change: Any) -> None:
    file = CustodyFile.create(path, SLOTS)
    some_history(FrameStore(file, "camera", STAGES))
    words = file.words
    before = words.tolist()
    file.words = recorded = Recorded(words)  # type: ignore[assignment]
    change(FrameStore(file, "camera", STAGES))
    stores = recorded.stores
    reader = CustodyFile.__new__(CustodyFile)
    reader.slots = SLOTS
    for first in range(len(stores) + 1):
        for second in range(first, len(stores) + 1, 2):
            for middle in (100, layout.SLOT_WORDS):
                changing = ChangingWords(before, stores, first, second, middle)
                reader.words = changing  # type: ignore[assignment]
                ledger = read_ledger(reader, STAGES)
                assert ledger.balanced, f"{ledger}: {first} to {second} of {len(stores)} stores"
    file.words = words
    file.close()


def test_a_transaction_that_the_redo_record_cannot_hold_is_refused(path: Path) -> None:
    file = CustodyFile.create(path, SLOTS)
    with pytest.raises(ValueError, match="a transaction of 65 words, the redo record holds 64"):
        file.change([(layout.H_CAPTURED, 1)] * (layout.MAX_REDO_PAIRS + 1))
    assert file.words[layout.H_CAPTURED] == 0
    file.close()


def test_the_parts_of_the_header_do_not_overlap() -> None:
    assert layout.H_DROPPED > layout.H_LAST_RUNNING
    assert layout.H_DROPPED + len(layout.REASONS) <= layout.H_FAILED
    assert layout.H_TOLD >= layout.H_FAILED + layout.MAX_STAGES
    assert layout.H_REDO > layout.H_TOLD + 3 * layout.MAX_STRETCHES
    assert layout.H_REDO + 2 * layout.MAX_REDO_PAIRS < layout.SLOT_WORDS
    assert layout.S_STRETCHES + 3 * layout.MAX_STRETCHES < layout.URI_WORD


# The file


def test_a_custody_file_takes_only_the_room_that_its_frames_touch(path: Path) -> None:
    file = CustodyFile.create(path, 100)
    store = FrameStore(file, "camera", STAGES)
    store.capture(frame(width=640, height=480))

    stat = path.stat()
    assert stat.st_size > 100 * layout.STRIDE_BYTES
    assert stat.st_blocks * 512 < 640 * 480 * 3 + 2 * 2**20
    assert stat.st_mode & 0o777 == 0o600
    file.close()


def test_a_full_file_system_is_an_error_with_the_remedy_and_not_a_bus_error(
    store: FrameStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_fd: int, _offset: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(StageError) as caught:
        store.capture(frame())

    assert str(caught.value) == (
        f"no room for the pixel pool: {path.parent} cannot take 96 more bytes (No space left on device); "
        "free some, lower the source's 'custody', or set its 'pool' folder"
    )
    assert store.ledger().balanced
    assert store.ledger().captured == 0


def test_after_room_was_made_the_capture_goes_on_with_all_slots(
    store: FrameStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_fd: int, _offset: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", no_room)
        with pytest.raises(StageError):
            store.capture(frame())
    for number in range(SLOTS):
        assert store.capture(frame(number)) == number


def test_a_frame_that_no_slot_can_hold_is_an_error_with_the_remedy(store: FrameStore) -> None:
    image_bgr = np.broadcast_to(np.zeros(3, np.uint8), (7000, 7000, 3))
    with pytest.raises(StageError, match="camera: a frame of 7000x7000 is over 134217728 bytes; set 'width'"):
        store.capture(Frame(image_bgr=image_bgr, pts_ns=0, running_ns=0))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\0" * layout.PAGE_BYTES, id="zeros"),
        pytest.param(b"x" * layout.PAGE_BYTES, id="text"),
    ],
)
def test_another_file_is_not_taken_for_custody(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StageError, match="custody: not a custody file of this version"):
        CustodyFile(path, writable=True)


def test_a_custody_file_is_never_made_over_another(path: Path, store: FrameStore) -> None:
    with pytest.raises(FileExistsError):
        CustodyFile.create(path, SLOTS)
