"""Run folders: dead ones are removed with all that is theirs, live ones never."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from framegraph.run_files.run_folder import RunFolder
from framegraph.wire.sockets import MAX_IPC_PATH_BYTES

NAME = 12
"""Length of the longest stage name in these tests."""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for run folders; under a short name, as a user's temporary folder has.

    (After tmp_path, which pytest makes in the temporary folder too.)
    """
    with tempfile.TemporaryDirectory(prefix="rf") as temporary:
        monkeypatch.setattr(tempfile, "tempdir", temporary)
        yield Path(temporary) / f"framegraph-{os.getuid()}"


def die(folder: RunFolder) -> None:
    """What the kernel does when a launcher is killed: its lock is gone, everything else stays."""
    os.close(folder._lock)


def add_pool(folder: RunFolder, where: Path, source: str = "camera") -> Path:
    pool = where / f"{folder.run}-{source}"
    pool.write_bytes(b"pixels")
    (Path(folder.paths.pools) / source).symlink_to(pool)
    return pool


def test_a_run_folder_is_for_its_user_only(base: Path) -> None:
    folder = RunFolder(NAME)
    assert folder.path.parent == base
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert base.stat().st_mode & 0o777 == 0o700
    folder.remove()


def test_a_finished_run_leaves_nothing(base: Path, tmp_path: Path) -> None:
    folder = RunFolder(NAME)
    pool = add_pool(folder, tmp_path)
    folder.remove()
    assert not folder.path.exists()
    assert not pool.exists()


def test_the_next_start_removes_a_dead_run_with_its_pools(base: Path, tmp_path: Path) -> None:
    dead = RunFolder(NAME)
    pool = add_pool(dead, tmp_path)
    unlinked_pool = Path("/dev/shm") / f"{dead.run}-half"
    unlinked_pool.write_bytes(b"made, and not yet linked from the run folder")
    die(dead)

    following = RunFolder(NAME)

    assert not dead.path.exists()
    assert not pool.exists()
    assert not unlinked_pool.exists()
    following.remove()


def test_a_live_run_is_never_removed(base: Path, tmp_path: Path) -> None:
    live = RunFolder(NAME)
    pool = add_pool(live, tmp_path)
    for _ in range(3):
        RunFolder(NAME).remove()
    assert live.path.exists()
    assert pool.exists()
    live.remove()


def test_a_run_that_is_just_being_made_is_not_taken_for_dead(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever looks for dead runs holds the base's lock; so must who makes one, until its own lock is held.
    flock = fcntl.flock
    seen = []

    def look_before_the_run_is_locked(fd: int, how: int) -> None:
        if how & fcntl.LOCK_NB and os.readlink(f"/proc/self/fd/{fd}").endswith("/lock"):
            probe = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
            try:
                flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
                seen.append("free")
            except BlockingIOError:
                seen.append("held")
            finally:
                os.close(probe)
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", look_before_the_run_is_locked)
    folder = RunFolder(NAME)
    assert set(seen) == {"held"}
    folder.remove()


def test_a_run_killed_before_it_took_its_lock_is_removed(base: Path) -> None:
    RunFolder(NAME).remove()
    (base / "20260101-000000-abcdef" / "pools").mkdir(parents=True)
    RunFolder(NAME).remove()
    assert not (base / "20260101-000000-abcdef").exists()


def test_what_is_no_run_is_left_alone(base: Path, tmp_path: Path) -> None:
    RunFolder(NAME).remove()
    (base / "notes").mkdir()
    (base / "notes.txt").write_text("mine")
    foreign = Path("/dev/shm") / f"notes-{os.getpid()}"
    foreign.write_text("not of a run")
    try:
        RunFolder(NAME).remove()
        assert (base / "notes").is_dir()
        assert (base / "notes.txt").exists()
        assert foreign.exists()
    finally:
        foreign.unlink()


def test_a_link_in_a_dead_run_takes_nothing_that_is_not_the_runs(base: Path, tmp_path: Path) -> None:
    dead = RunFolder(NAME)
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (Path(dead.paths.pools) / "camera").symlink_to(precious)
    die(dead)
    RunFolder(NAME).remove()
    assert precious.exists()


def test_sockets_have_names_that_the_kernel_takes_also_in_a_deep_temporary_folder(
    base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    folder = RunFolder(NAME)
    longest = folder.paths.outlet("x" * NAME, 99).removeprefix("ipc://")
    assert len(longest) <= MAX_IPC_PATH_BYTES
    folder.remove()
