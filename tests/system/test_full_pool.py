"""The pixel pool's file system is full: on a real one, made small for it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launching import Launched, lines, wait_for
from tests.system.graphs import cheap_graph
from tests.system.test_machine import assert_complete, is_under_way

SIZE_BYTES = 4 * 2**20


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "pool"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Take all room that is left, as another program does."""
    with (folder / "hog").open("wb", buffering=0) as hog, pytest.raises(OSError, match="No space left"):
        while True:
            hog.write(bytes(65536))


@pytest.mark.slow
def test_a_pool_that_is_full_at_the_start_is_said_with_the_remedy(tmp_path: Path, pool: Path) -> None:
    fill(pool)
    with Launched(cheap_graph(tmp_path, frames=50, counter={"pool": str(pool)}), folder=tmp_path) as run:
        assert run.wait() == 1
        assert f"no room for the pixel pool: it needs 0.1 MB and {pool} has 0.0 MB; lower" in run.stderr
    assert [path.name for path in pool.iterdir()] == ["hog"]


@pytest.mark.slow
def test_a_pool_that_others_fill_in_mid_run_harms_no_frame(tmp_path: Path, pool: Path) -> None:
    counter = {"pool": str(pool), "size": 64, "frame_store": 64}
    graph = cheap_graph(tmp_path, frames=150, counter=counter, work={"sleep_ms": 10})
    with Launched(graph, folder=tmp_path) as run:
        wait_for(lambda: is_under_way(tmp_path), "first frames", run)
        fill(pool)
        # All slots have their room since the first frame, used or not.
        (file,) = pool.glob("*-counter-*")
        assert file.stat().st_blocks * 512 >= 65 * 4096 + 64 * (64 * 64 * 3)
        run.child("counter.0").kill()
        assert run.wait() == 0, run.stderr
    assert {record["status"] for record in assert_complete(tmp_path, 150)} == {"ok"}


def test_pictures_that_outgrow_the_pool_end_the_run_with_all_before_them_delivered(
    tmp_path: Path, pool: Path
) -> None:
    graph = cheap_graph(tmp_path, frames=50, counter={"pool": str(pool), "size": 150, "grow_on": 30})
    with Launched(graph, folder=tmp_path) as run:
        assert run.wait() == 1
        assert f"no room for the pixel pool: {pool} cannot take" in run.stderr
    assert [record["seq"] for record in lines(tmp_path / "out/results.jsonl")] == list(range(30))
