from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.framegraph.wire.links_kit import Net


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    net = Net(tmp_path)
    yield net
    net.close()
