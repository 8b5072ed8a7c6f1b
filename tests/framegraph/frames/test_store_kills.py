"""A process killed between any two stores leaves all of a change or nothing."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from framegraph.frames import layout
from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.ledger import Ledger, read_ledger
from framegraph.frames.store import FrameStore
from tests.framegraph.frames.frames_kit import SLOTS, STAGES, adopted, describe, frame, left_out


class Killed(BaseException):
    """The process ends here."""


class WordsUntilKilled:
    """The words of a frame store file; the process is killed before it has stored so many."""

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
    reader = FrameStoreFile(path, writable=False)
    try:
        return read_ledger(reader, STAGES)
    finally:
        reader.close()


def without_pixels(whole: Path, copy: Path) -> None:
    """Copy a frame store file's words; the pixels of the copy are a hole."""
    with whole.open("rb") as source, copy.open("wb") as target:
        target.write(source.read(layout.PAGE_BYTES * (1 + SLOTS)))
        target.truncate(whole.stat().st_size)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_kill_at_any_store_leaves_all_of_a_change_or_nothing(path: Path, change: Any) -> None:
    file = FrameStoreFile.create(path, SLOTS)
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
        dying = FrameStoreFile(killed, writable=True)
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
    """The words of a frame store file, and each store in them."""

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
    file = FrameStoreFile.create(path, SLOTS)
    some_history(FrameStore(file, "camera", STAGES))
    words = file.words
    before = words.tolist()
    file.words = recorded = Recorded(words)  # type: ignore[assignment]
    change(FrameStore(file, "camera", STAGES))
    stores = recorded.stores
    reader = FrameStoreFile.__new__(FrameStoreFile)
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
    file = FrameStoreFile.create(path, SLOTS)
    with pytest.raises(ValueError, match="a transaction of 65 words, the redo record holds 64"):
        file.change([(layout.H_CAPTURED, 1)] * (layout.MAX_REDO_PAIRS + 1))
    assert file.words[layout.H_CAPTURED] == 0
    file.close()


def test_the_parts_of_the_header_do_not_overlap() -> None:
    assert layout.H_DROPPED > layout.H_LAST_RUNNING
    assert layout.H_DROPPED + len(layout.REASONS) <= layout.H_FAILED
    assert layout.H_TOLD >= layout.H_FAILED + layout.MAX_STAGES
    assert layout.H_REDO > layout.H_TOLD + 3 * layout.MAX_RANGES
    assert layout.H_REDO + 2 * layout.MAX_REDO_PAIRS < layout.SLOT_WORDS
    assert layout.S_RANGES + 3 * layout.MAX_RANGES < layout.URI_WORD
