"""The run folder: sockets, status pages and links to pools of one run; dead runs' folders are removed."""

import fcntl
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path

from runtime.errors import GraphError
from runtime.hosts.config import RunPaths
from runtime.wire.sockets import MAX_IPC_PATH_BYTES

MAKING_S = 10.0
"""A folder without a lock that is younger than this is being made, not dead."""


def base_folder(longest_stage_name: int) -> Path:
    """Return the folder for run folders: in the temporary folder, or in /tmp where its name is too long
    for sockets; GraphError when neither will do."""
    for temporary in (Path(tempfile.gettempdir()), Path("/tmp")):
        base = temporary / f"fashion-{os.getuid()}"
        longest = RunPaths(str(base / _run_name())).outlet("x" * longest_stage_name, 99)
        if len(longest) - len("ipc://") <= MAX_IPC_PATH_BYTES:
            return base
    raise GraphError(f"the names of the stages are too long for sockets in {base}; shorten them")


def _run_name() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


class RunFolder:
    """A folder with mode 0700, locked as long as the launcher lives."""

    def __init__(self, longest_stage_name: int) -> None:
        base = base_folder(longest_stage_name)
        base.mkdir(mode=0o700, exist_ok=True)
        if base.stat().st_uid != os.getuid():
            raise GraphError(f"{base} belongs to somebody else; set TMPDIR to a folder of your own")
        remove_dead_runs(base)
        self.run = _run_name()
        self.path = base / self.run
        self.paths = RunPaths(str(self.path))
        self.path.mkdir(mode=0o700)
        Path(self.paths.pools).mkdir(mode=0o700)
        self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def remove(self) -> None:
        remove_run(self.path)
        os.close(self._lock)


def remove_dead_runs(base: Path) -> list[str]:
    """Remove what runs left whose launcher is gone; return their names."""
    removed = []
    for folder in base.iterdir():
        if folder.is_dir() and _is_dead(folder):
            remove_run(folder)
            removed.append(folder.name)
    return removed


def _is_dead(folder: Path) -> bool:
    try:
        fd = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:
        try:
            return time.time() - folder.stat().st_mtime > MAKING_S
        except FileNotFoundError:
            return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def remove_run(folder: Path) -> None:
    """Remove a run's folder and its pools, wherever these are."""
    pools = folder / "pools"
    targets = [Path(os.readlink(link)) for link in pools.iterdir()] if pools.is_dir() else []
    for usual in (Path("/dev/shm"), Path(tempfile.gettempdir())):
        targets.extend(usual.glob(f"{folder.name}-*"))
    for target in targets:
        if target.name.startswith(folder.name):
            target.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
