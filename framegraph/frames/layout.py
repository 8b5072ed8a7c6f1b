"""The frame store file: pool, frame table and counters of one source in one mmap that survives its process.

    header   one page of 64-bit words: magic, sizes, counters, the redo record, drops not yet reported
    table    one page a slot: 64 words about the frame, then its uri
    pixels   one stride a slot, sparse: only what a frame has touched takes memory

Every change of the table or of a counter is a transaction of absolute word values: written to the redo
record, marked valid, applied, unmarked. A successor applies a valid record again, so a process that is
killed between two stores leaves no half change. (Redo logging as databases do it, for one writer.)
"""

import contextlib
import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from threading import RLock

from framegraph.errors import StageError
from framegraph.wire.codec import MAX_PIXEL_BYTES

PAGE_BYTES = 4096
STRIDE_BYTES = MAX_PIXEL_BYTES
"""Virtual size of a slot; the file is sparse, so a small frame takes only its own bytes."""

MAGIC = 0x3159_444F_5453_5543
SLOT_WORDS = PAGE_BYTES // 8
URI_WORD = 64
URI_BYTES = PAGE_BYTES - URI_WORD * 8

REASONS = ("leaky", "late", "flushed", "undecodable")
"""Why a frame was dropped: replaced by a newer one, too old when its turn came, the run was stopped, or it
was between a frame that kills its decoder and the next key frame."""
MAX_STAGES = 64

# Words of the header.
(
    H_MAGIC,
    H_SLOTS,
    H_STRIDE,
    H_BEGUN,
    H_ENDED,
    H_CAPTURED,
    H_DELIVERED,
    H_LAST_SENT,
    H_LAST_EPOCH,
    H_LAST_PTS,
    H_LAST_RUNNING,
    H_LAST_TIME,
    H_OUTAGE_MS,
    H_HAS_BEGIN,
    H_BEGIN,
) = range(15)
H_DROPPED = 16
H_FAILED = 24
H_TOLD = H_FAILED + MAX_STAGES  # number of ranges not yet reported, then (from, to, reason) each
H_REDO = 160  # number of pairs (0: none valid), then (word, value) each
MAX_REDO_PAIRS = 64
MAX_LOOKS = 100
MAX_RANGES = 8

# Words of a slot's record.
(
    S_STATE,
    S_SEQ,
    S_PREV,
    S_GENERATION,
    S_EPOCH,
    S_PTS,
    S_RUNNING,
    S_DURATION,
    S_CAPTURE_TIME,
    S_FLAGS,
    S_ATTEMPT,
    S_DEATHS,
    S_OUTCOME,
    S_URI_LENGTH,
    S_CLOCK,
) = range(15)
S_PIXEL_W, S_PIXEL_H = 48, 49  # the pixel aspect ratio
S_SHAPE = 51  # the payload's number of sides, then each side
S_KILLS = 50  # deaths by a kill from outside; S_DEATHS counts the others
S_RANGES = 16  # number of dropped ranges before this frame, then (from, to, reason) each

FREE, WAITING, OUT = 0, 1, 2
"""States of a slot: empty, captured but not yet sent, sent and not yet committed by every sink."""


def _take_room(fd: int, offset: int, size_bytes: int, folder: Path) -> None:
    """Allocate memory for a part of a file: otherwise the first store on a full file system is a SIGBUS."""
    try:
        os.posix_fallocate(fd, offset, size_bytes)
    except OSError as error:
        raise StageError(
            f"no room for the pixel pool: {folder} cannot take {size_bytes} more bytes "
            f"({error.strerror}); free some, lower the source's 'frame-store', or set its 'pool' folder"
        ) from None


class FrameStoreFile:
    """The words and pixels of one frame store file, and transactions on them. One writer, many readers."""

    def __init__(self, path: Path, writable: bool) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
        size = os.fstat(self._fd).st_size
        self.mapped = mmap.mmap(
            self._fd, size, prot=mmap.PROT_READ | mmap.PROT_WRITE if writable else mmap.PROT_READ
        )
        # Only the pages of words are viewed as words; pixels are reached through `pixels`.
        self.words = memoryview(self.mapped)[:PAGE_BYTES].cast("q")
        if self.words[H_MAGIC] != MAGIC or self.words[H_STRIDE] != STRIDE_BYTES:
            raise StageError(f"{path}: not a frame store file of this version")
        self.slots = self.words[H_SLOTS]
        if not self.slots > 0 or PAGE_BYTES * (1 + self.slots) + STRIDE_BYTES * self.slots > size:
            raise StageError(f"{path}: is damaged: {self.slots} slots in {size} bytes; start the run anew")
        self.words = memoryview(self.mapped)[: PAGE_BYTES * (1 + self.slots)].cast("q")
        self._lock = RLock()
        self._check_words()
        if writable:
            self._apply_redo()

    def _check_words(self) -> None:
        """Raise StageError for impossible words: somebody else has written into the file."""
        count = self.words[H_REDO]
        is_sound = 0 <= count <= MAX_REDO_PAIRS and all(
            0 <= self.words[at] < len(self.words) for at in range(H_REDO + 1, H_REDO + 1 + 2 * count, 2)
        )
        is_sound = is_sound and all(
            self.word(slot, S_STATE) in (FREE, WAITING, OUT)
            and 0 <= self.word(slot, S_URI_LENGTH) <= URI_BYTES
            for slot in range(self.slots)
        )
        if not is_sound:
            raise StageError(f"{self.path}: is damaged; start the run anew")

    @classmethod
    def create(cls, path: Path, slots: int) -> "FrameStoreFile":
        """Make an empty frame store file, mode 0600; the pixels take no space yet. StageError when there is
        no space for the words."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.ftruncate(fd, PAGE_BYTES * (1 + slots) + STRIDE_BYTES * slots)
            _take_room(fd, 0, PAGE_BYTES * (1 + slots), path.parent)
            head = [0] * SLOT_WORDS
            head[H_MAGIC], head[H_SLOTS], head[H_STRIDE], head[H_LAST_SENT] = MAGIC, slots, STRIDE_BYTES, -1
            os.pwrite(fd, b"".join(word.to_bytes(8, "little", signed=True) for word in head), 0)
        finally:
            os.close(fd)
        return cls(path, writable=True)

    def close(self) -> None:
        self.words.release()
        # A numpy view of a slot may still be alive; the mapping then goes with the last of them.
        with contextlib.suppress(BufferError):
            self.mapped.close()
        os.close(self._fd)

    def word(self, slot: int, name: int) -> int:
        return self.words[SLOT_WORDS * (1 + slot) + name]

    def address(self, slot: int, name: int) -> int:
        return SLOT_WORDS * (1 + slot) + name

    def change(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Set words to values, all or none, even if this process dies meanwhile."""
        pairs = list(pairs)
        if len(pairs) > MAX_REDO_PAIRS:
            raise ValueError(f"a transaction of {len(pairs)} words, the redo record holds {MAX_REDO_PAIRS}")
        with self._lock:
            self.words[H_BEGUN] += 1
            at = H_REDO + 1
            for word, value in pairs:
                self.words[at], self.words[at + 1] = word, value
                at += 2
            self.words[H_REDO] = len(pairs)
            self._apply_redo()

    def _apply_redo(self) -> None:
        """Apply the valid transaction, if any: ours, or one that a death interrupted."""
        count = self.words[H_REDO]
        for at in range(H_REDO + 1, H_REDO + 1 + 2 * count, 2):
            self.words[self.words[at]] = self.words[at + 1]
        self.words[H_REDO] = 0
        self.words[H_ENDED] = self.words[H_BEGUN]

    def snapshot(self) -> tuple[list[int], list[int]]:
        """Return a consistent snapshot of the header and of all slots' states, even while the writer is at
        work or has died in a transaction.

        A read during a transaction is repeated a limited number of times: after that its writer is dead, and
        the transaction counts as done if its redo record is valid.
        """
        for _look in range(MAX_LOOKS):
            ended = self.words[H_ENDED]
            header = list(self.words[:SLOT_WORDS])
            states = list(self.words[SLOT_WORDS + S_STATE :: SLOT_WORDS])
            if self.words[H_BEGUN] == ended:
                return header, states
        for at in range(H_REDO + 1, H_REDO + 1 + 2 * header[H_REDO], 2):
            slot, name = divmod(header[at] - SLOT_WORDS, SLOT_WORDS)
            if slot < 0:
                header[header[at]] = header[at + 1]
            elif name == S_STATE:
                states[slot] = header[at + 1]
        return header, states

    def reserve(self, slot: int, size_bytes: int) -> None:
        """Ensure that memory is allocated for a slot's pixels; StageError when there is none left."""
        _take_room(self._fd, self.pixel_offset(slot), size_bytes, self.path.parent)

    def pixel_offset(self, slot: int) -> int:
        return PAGE_BYTES * (1 + self.slots) + STRIDE_BYTES * slot

    def uri(self, slot: int) -> str:
        start = PAGE_BYTES * (1 + slot) + URI_WORD * 8
        return self.mapped[start : start + self.word(slot, S_URI_LENGTH)].decode(errors="surrogateescape")

    def set_uri(self, slot: int, uri: str) -> None:
        encoded = uri.encode(errors="surrogateescape")
        if len(encoded) > URI_BYTES:
            encoded = encoded[:URI_BYTES].decode(errors="ignore").encode()
        start = PAGE_BYTES * (1 + slot) + URI_WORD * 8
        self.mapped[start : start + len(encoded)] = encoded
        self.words[self.address(slot, S_URI_LENGTH)] = len(encoded)
