from collections.abc import Iterator
from pathlib import Path

import pytest

from framegraph.frames.layout import FrameStoreFile
from framegraph.frames.store import FrameStore
from tests.framegraph.frames.frames_kit import SLOTS, STAGES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "frames"


@pytest.fixture
def store(path: Path) -> Iterator[FrameStore]:
    file = FrameStoreFile.create(path, SLOTS)
    yield FrameStore(file, "camera", STAGES)
    file.close()
