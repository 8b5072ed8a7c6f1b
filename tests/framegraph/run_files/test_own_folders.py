"""Names in folders where everybody may write prove nothing: what is not ours is left, told, and not in the way."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from framegraph.control.client import running_graphs
from framegraph.run_files import own_folders
from framegraph.run_files.own_folders import is_ours, known_bases, make_base, remove_own_file
from framegraph.run_files.pool_locks import PoolLock, remove_dead_pools
from framegraph.run_files.run_folder import RunFolder

LONG = 90


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder with a short name, and no other place for run folders."""
    with tempfile.TemporaryDirectory(prefix="of") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setattr(own_folders, "_temporary_folders", lambda: [Path(folder)])
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        yield Path(folder)


@pytest.fixture
def base(temporary: Path) -> Path:
    return temporary / f"framegraph-{os.getuid()}"


def as_link(base: Path) -> None:
    (base.parent / "elsewhere").mkdir(mode=0o700)
    base.symlink_to(base.parent / "elsewhere")


def as_open_folder(base: Path) -> None:
    base.mkdir()
    base.chmod(0o777)


def as_anothers(base: Path) -> None:
    if os.getuid():
        pytest.skip("only root can give a folder away")
    base.mkdir(mode=0o700)
    os.chown(base, 65534, 65534)


@pytest.mark.parametrize(
    ("put", "said"),
    [
        (as_link, "is a link"),
        (Path.touch, "File exists"),
        (as_open_folder, "may be written to by others"),
        (as_anothers, "belongs to user 65534"),
    ],
)
def test_what_stands_in_our_place_is_left_and_another_place_taken(put, said: str, base: Path) -> None:
    put(base)
    folder = RunFolder(12)
    try:
        assert folder.path.parent != base
        assert folder.path.parent.name.startswith(f"{base.name}-")
        assert is_ours(folder.path.parent)
        assert [said in remark for remark in folder.remarks] == [True]
        folder.describe("mine")
        assert [running.run for running in running_graphs()] == [folder.run]
    finally:
        folder.remove()
    assert os.path.lexists(base)


def test_a_client_looks_into_no_folder_of_others(base: Path) -> None:
    as_link(base)
    run = base.parent / "elsewhere" / "20260101-000000-abcdef"
    run.mkdir()
    (run / "about.json").write_text("{}")
    assert known_bases() == []
    assert running_graphs() == []


def test_the_users_own_runtime_folder_is_the_best_place(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = temporary / "run"
    own.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
    assert make_base(LONG) == (own / "framegraph", [])
    own.chmod(0o777)
    assert make_base(LONG)[0] == temporary / f"framegraph-{os.getuid()}"


@pytest.mark.parametrize("put", [Path.mkdir, lambda path: path.symlink_to("/etc/hostname")])
def test_what_has_the_name_of_a_pool_and_is_none_stops_nothing(put, temporary: Path) -> None:
    folder = RunFolder(12)
    other = Path("/dev/shm") / f"{folder.run}-x"
    put(other)
    try:
        folder.remove()
        assert not folder.path.exists()
        assert os.path.lexists(other)
        RunFolder(12).remove()
    finally:
        other.rmdir() if other.is_dir() else other.unlink()


@pytest.mark.parametrize("put", [Path.mkdir, lambda path: path.symlink_to("/etc/hostname")])
def test_only_plain_files_of_ours_are_removed(put, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    assert remove_own_file(path) == ""
    put(path)
    assert remove_own_file(path) == f"{path} is not ours, so it is left"
    mine = tmp_path / "mine"
    mine.touch()
    assert remove_own_file(mine) == ""
    assert not mine.exists()


def test_pools_of_a_dead_run_go_though_its_folder_has_gone_before(tmp_path: Path) -> None:
    run, living = "20260101-000000-abcdef", "20260101-000000-fedcba"
    dead_lock, lock = PoolLock.take(tmp_path, run), PoolLock.take(tmp_path, living)
    assert dead_lock and lock
    for name in (f"{run}-camera-1234", f"{living}-camera-5678", "notes"):
        (tmp_path / name).touch()
    os.close(dead_lock._fd)  # what the kernel does when a launcher ends
    assert remove_dead_pools(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{living}-camera-5678",
        f"{living}-launcher.lock",
        "notes",
    ]
    lock.release()


def test_a_run_cleans_up_after_one_whose_temporary_folder_is_gone(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dead = RunFolder(12)
    pool = Path("/dev/shm") / f"{dead.run}-camera-0123456789abcdef"
    pool.touch()
    os.close(dead._lock)
    for lock in dead._pool_locks:
        os.close(lock._fd)
    with tempfile.TemporaryDirectory(prefix="og") as other:
        monkeypatch.setattr(tempfile, "tempdir", other)
        monkeypatch.setattr(own_folders, "_temporary_folders", lambda: [Path(other)])
        RunFolder(12).remove()
    assert not pool.exists()
    assert not list(Path("/dev/shm").glob(f"{dead.run}*"))
