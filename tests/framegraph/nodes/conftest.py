"""What several tests of the nodes begin with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framegraph.stage import Stage
from tests.framegraph.nodes.worker_kit import Bench


@pytest.fixture
def benches(tmp_path: Path) -> Iterator[Any]:
    made: list[Bench] = []

    def bench(stage: type[Stage], batch: int = 1, batch_wait: float = 0.0) -> Bench:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Bench(folder, stage, batch, batch_wait))
        return made[-1]

    yield bench
    for one in made:
        one.close()
