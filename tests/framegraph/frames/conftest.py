from collections.abc import Iterator
from pathlib import Path

import pytest

from framegraph.frames.layout import CustodyFile
from framegraph.frames.store import FrameStore
from tests.framegraph.frames.frames_kit import SLOTS, STAGES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "custody"


@pytest.fixture
def store(path: Path) -> Iterator[FrameStore]:
    file = CustodyFile.create(path, SLOTS)
    yield FrameStore(file, "camera", STAGES)
    file.close()
