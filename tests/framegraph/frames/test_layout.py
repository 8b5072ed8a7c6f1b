"""The frame store file itself: its room, its limits, and files that are none."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from framegraph.errors import StageError
from framegraph.frames import layout
from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.store import FrameStore
from framegraph.stage import Frame
from tests.framegraph.frames.frames_kit import SLOTS, STAGES, frame


def test_a_frame_store_file_takes_only_the_room_that_its_frames_touch(path: Path) -> None:
    file = FrameStoreFile.create(path, 100)
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
        "free some, lower the source's 'frame-store', or set its 'pool' folder"
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


@pytest.mark.parametrize(
    ("width", "height", "too_much"),
    [(7000, 7000, "134217728 bytes"), (40000, 8, "32768 pixels a side"), (8, 40000, "32768 pixels a side")],
)
def test_a_frame_that_cannot_travel_is_an_error_with_the_remedy(
    store: FrameStore, width: int, height: int, too_much: str
) -> None:
    image_bgr = np.broadcast_to(np.zeros(3, np.uint8), (height, width, 3))
    problem = f"camera: a frame of {height}x{width}x3 is over {too_much}"
    with pytest.raises(StageError, match=problem):
        store.capture(Frame(payload=image_bgr, pts_ns=0, running_ns=0))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\0" * layout.PAGE_BYTES, id="zeros"),
        pytest.param(b"x" * layout.PAGE_BYTES, id="text"),
    ],
)
def test_another_file_is_not_taken_for_frame_store(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StageError, match="frames: not a frame store file of this version"):
        FrameStoreFile(path, writable=True)


def test_a_frame_store_file_is_never_made_over_another(path: Path, store: FrameStore) -> None:
    with pytest.raises(FileExistsError):
        FrameStoreFile.create(path, SLOTS)


@pytest.mark.parametrize("shape", [(7,), (2, 3), (2, 3, 4, 5)], ids=str)
def test_a_payload_of_any_shape_is_kept(store: FrameStore, shape: tuple[int, ...]) -> None:
    payload = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    seq = store.capture(Frame(payload=payload, pts_ns=0, running_ns=0))
    handle = store.packet(seq, seq).handle
    assert handle is not None
    assert handle.shape == shape
    np.testing.assert_array_equal(store.pixels(seq), payload)
