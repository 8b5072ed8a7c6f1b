from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.custody.layout import CustodyFile
from runtime.custody.store import FrameStore
from tests.runtime.custody.custody_kit import SLOTS, STAGES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "custody"


@pytest.fixture
def store(path: Path) -> Iterator[FrameStore]:
    file = CustodyFile.create(path, SLOTS)
    yield FrameStore(file, "camera", STAGES)
    file.close()
