"""Frames in the frame store: whatever happens to the process, every captured frame has exactly one outcome."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framegraph.errors import PixelsGoneError
from framegraph.frames import layout
from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.ledger import Ledger
from framegraph.frames.reader import PoolReader
from framegraph.frames.store import FrameStore
from framegraph.packet import PixelHandle
from framegraph.stage import Resume
from tests.framegraph.frames.frames_kit import SLOTS, STAGES, adopted, describe, frame, left_out

# One frame through the frame store


def test_an_empty_store_has_nothing_and_balances(store: FrameStore) -> None:
    assert store.ledger() == Ledger(captured=0, delivered=0, dropped={}, failed={}, in_flight=0)
    assert store.ledger().balanced
    assert store.resume is None
    assert store.last_sent_seq == -1
    assert store.in_store == 0


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
    (tmp_path / "pools" / "camera").symlink_to(tmp_path / "frames")
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
    (tmp_path / "pools" / "camera").symlink_to(tmp_path / "frames")
    reader = PoolReader(str(tmp_path / "pools"))
    reader.find(handle)

    store.release(0)
    store.capture(frame(1))

    with pytest.raises(PixelsGoneError, match=f"slot {handle.slot} of camera holds another frame"):
        reader.find(handle)
    assert not reader.is_valid(handle)
    reader.close()


@pytest.mark.parametrize("pool", ["", ".", "..", "../frames", "nothing", "a\0b", "/etc/passwd"])
def test_a_pool_that_a_packet_makes_up_is_not_opened(pool: str, tmp_path: Path) -> None:
    reader = PoolReader(str(tmp_path))
    with pytest.raises(PixelsGoneError):
        reader.find(PixelHandle(pool=pool, slot=0, generation=0, shape=(1, 1, 3)))


@pytest.mark.parametrize("slot", [-1, SLOTS, 2**62])
def test_a_slot_that_a_packet_makes_up_is_gone(slot: int, store: FrameStore, tmp_path: Path) -> None:
    reader = PoolReader(str(tmp_path))
    with pytest.raises(PixelsGoneError, match=f"frames has no slot {slot}"):
        reader.find(PixelHandle(pool="frames", slot=slot, generation=0, shape=(1, 1, 3)))
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
    assert [store.count_death(0) for _ in range(2)] == [(1, 0), (2, 0)]
    assert store.count_death(0, is_kill=True) == (2, 1)
    store.release(0)
    for number in range(SLOTS):
        store.capture(frame(number))
    assert {store.count_death(seq) for seq in store.waiting()} == {(1, 0)}


# Drops


def dropped(store: FrameStore, *reasons: str) -> None:
    for reason in reasons:
        store.drop(store.capture(frame()), reason)


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        pytest.param([], [], id="no drop"),
        pytest.param(["leaky"], [(0, 0, "leaky")], id="one"),
        pytest.param(["leaky"] * 5, [(0, 4, "leaky")], id="a range"),
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
    path = tmp_path / "frames"
    path.unlink(missing_ok=True)
    store = FrameStore(FrameStoreFile.create(path, 2), "camera", STAGES)

    dropped(store, *reasons)
    seq = store.capture(frame())
    store.send(seq)

    told = store.packet(seq, 0).dropped
    assert [n for first, last, _reason in told for n in range(first, last + 1)] == list(range(len(reasons)))
    assert len(told) <= layout.MAX_RANGES
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
            return FrameStore(FrameStoreFile(path, writable=True), "camera", STAGES)
    return store


@given(operations=OPERATIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_ledger_balances_and_a_successor_knows_the_same_at_any_moment(
    tmp_path: Path, operations: list[str]
) -> None:
    path = tmp_path / "frames"
    path.unlink(missing_ok=True)
    store = FrameStore(FrameStoreFile.create(path, 4), "camera", STAGES)
    for operation in operations:
        store = carry_out(store, operation, path)
        ledger = store.ledger()
        assert ledger.balanced
        assert ledger.in_flight == store.in_store == len(store.waiting()) + len(store.out())
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
