"""Lock files next to the pools in /dev/shm, which show whose the pools are and whether their run lives.

A run's folder may go before its pools do: a service's RuntimeDirectory, a container's /tmp. So each folder
that may have pools holds a file of the run, locked as long as the launcher lives.
"""

import fcntl
import os
import re
import secrets
import tempfile
from pathlib import Path

from framegraph.run_files.own_folders import remove_own_file

RUN_NAME = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
_LOCK = re.compile(r"(?P<run>[0-9]{8}-[0-9]{6}-[0-9a-f]{6})-launcher[.]lock")


def usual_pool_folders() -> list[Path]:
    """Return the folders for pools if the graph names no other."""
    return [Path("/dev/shm"), Path(tempfile.gettempdir())]


def files_of_run(folder: Path, run: str) -> list[Path]:
    """Return the files with a run's name in a folder that may hold its pools."""
    return sorted(folder.glob(f"{run}-*"))


def remove_dead_pools(folder: Path) -> list[str]:
    """Remove the pools of this user's runs whose launcher is gone; return what is there but not ours."""
    remarks: list[str] = []
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:
        return remarks
    for name in names:
        match = _LOCK.fullmatch(name)
        if match is not None and is_free(folder / name):
            for path in files_of_run(folder, match["run"]):
                remark = remove_own_file(path)
                remarks += [remark] if remark else []
    return remarks


def is_free(path: Path) -> bool:
    """Return whether a lock exists, belongs to this user, and is not held."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if os.fstat(fd).st_uid != os.getuid():
            return False
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


class PoolLock:
    """A run's lock in one folder."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path, self._fd = path, fd

    @classmethod
    def take(cls, folder: Path, run: str) -> "PoolLock | None":
        """Make the lock of a run; None in a folder without room for it, which has none for pools either."""
        # Locked before it gets its name, so that it is never seen unlocked.
        part = folder / f".{run}-{secrets.token_hex(8)}"
        try:
            fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        fcntl.flock(fd, fcntl.LOCK_EX)
        path = folder / f"{run}-launcher.lock"
        part.rename(path)
        return cls(path, fd)

    def release(self) -> None:
        remove_own_file(self._path)
        os.close(self._fd)
