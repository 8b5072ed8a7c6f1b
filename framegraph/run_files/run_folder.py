"""The run folder: sockets, status pages and links to pools of one run; dead runs' folders are removed."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from framegraph.run_files.own_folders import make_base, remove_own_file
from framegraph.run_files.pool_locks import (
    RUN_NAME,
    PoolLock,
    files_of_run,
    is_free,
    remove_dead_pools,
    usual_pool_folders,
)
from framegraph.support.whole_files import write_whole
from framegraph.wire.config import RunPaths
from framegraph.wire.sockets import MAX_IPC_PATH_BYTES


def _run_name() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


class RunFolder:
    """A folder with mode 0700, locked as long as the launcher lives.

    `pool_folders`: the graph's pool folders besides the usual ones. `remarks`: what was in the way and was
    left.
    """

    def __init__(self, longest_stage_name: int, pool_folders: Iterable[Path] = ()) -> None:
        self.run = _run_name()
        needed = len(RunPaths(self.run).outlet("x" * longest_stage_name, 99)) - len("ipc://") + 1
        base, self.remarks = make_base(MAX_IPC_PATH_BYTES - needed)
        self.path = base / self.run
        self.paths = RunPaths(str(self.path))
        folders = dict.fromkeys([*usual_pool_folders(), *pool_folders])
        # One launcher at a time makes or removes run folders here: a folder without its lock is dead.
        with locked(base):
            for name in dead_runs(base):
                self.remarks += remove_run(base / name)
            for folder in folders:
                self.remarks += remove_dead_pools(folder)
            self.path.mkdir(mode=0o700)
            Path(self.paths.pools).mkdir(mode=0o700)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._pool_locks = [lock for folder in folders if (lock := PoolLock.take(folder, self.run))]

    def describe(self, graph: str) -> None:
        """Write the run's description for commands that look for it; the file appears whole or not at all."""
        about = {"pid": os.getpid(), "graph": graph, "cwd": str(Path.cwd()), "started": time.time()}
        write_whole(Path(self.paths.about), json.dumps(about).encode(), mode=0o600)

    def remove(self) -> None:
        """Remove what belongs to the run; what others put in its place is left."""
        with locked(self.path.parent):
            remove_run(self.path)
            for lock in self._pool_locks:
                lock.release()
            os.close(self._lock)


@contextlib.contextmanager
def locked(base: Path) -> Iterator[None]:
    """Hold the lock of a folder; waits for whoever has it."""
    fd = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def dead_runs(base: Path) -> list[str]:
    """Return the names of the runs whose launcher is gone. The caller holds the lock of `base`."""
    return [folder.name for folder in base.iterdir() if RUN_NAME.fullmatch(folder.name) and _is_dead(folder)]


def alive_runs(base: Path) -> list[Path]:
    """Return the folders of the runs in `base` whose launcher lives."""
    # Under the folder's lock: a launcher that starts meanwhile must not find its own lock taken by us.
    with locked(base):
        return [
            folder for folder in base.iterdir() if RUN_NAME.fullmatch(folder.name) and not _is_dead(folder)
        ]


def _is_dead(folder: Path) -> bool:
    lock = folder / "lock"
    return not lock.exists() or is_free(lock)


def remove_run(folder: Path) -> list[str]:
    """Remove a run's folder and its pools, wherever they are; return what was in their place but not ours."""
    pools = folder / "pools"
    targets = [Path(os.readlink(link)) for link in pools.iterdir()] if pools.is_dir() else []
    for usual in usual_pool_folders():
        targets += files_of_run(usual, folder.name)
    remarks = [
        remark
        for target in dict.fromkeys(targets)
        if target.name.startswith(f"{folder.name}-") and (remark := remove_own_file(target))
    ]
    shutil.rmtree(folder, ignore_errors=True)
    return remarks
