"""The run folder: sockets, status pages and links to pools of one run; dead runs' folders are removed."""

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import GraphError
from runtime.hosts.config import RunPaths
from runtime.wire.sockets import MAX_IPC_PATH_BYTES

_RUN_NAME = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")


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
        self.run = _run_name()
        self.path = base / self.run
        self.paths = RunPaths(str(self.path))
        # One launcher at a time makes or removes run folders here: a folder without its lock is dead.
        with _locked(base):
            for name in dead_runs(base):
                remove_run(base / name)
            self.path.mkdir(mode=0o700)
            Path(self.paths.pools).mkdir(mode=0o700)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def describe(self, graph: str) -> None:
        """Write down what who looks for a running graph has to know; the file comes whole or not at all."""
        about = {"pid": os.getpid(), "graph": graph, "cwd": str(Path.cwd()), "started": time.time()}
        part = Path(f"{self.paths.about}.part")
        part.write_text(json.dumps(about), encoding="utf-8")
        part.rename(self.paths.about)

    def remove(self) -> None:
        with _locked(self.path.parent):
            remove_run(self.path)
            os.close(self._lock)


@contextlib.contextmanager
def _locked(base: Path) -> Iterator[None]:
    fd = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def dead_runs(base: Path) -> list[str]:
    """Return the names of the runs whose launcher is gone. The caller holds the lock of `base`."""
    return [folder.name for folder in base.iterdir() if _RUN_NAME.fullmatch(folder.name) and _is_dead(folder)]


def alive_runs(base: Path) -> list[Path]:
    """Return the folders of the runs in `base` whose launcher lives."""
    # With the lock of the folder: a launcher that starts meanwhile must not find its own lock taken by us.
    with _locked(base):
        return [
            folder for folder in base.iterdir() if _RUN_NAME.fullmatch(folder.name) and not _is_dead(folder)
        ]


def _is_dead(folder: Path) -> bool:
    try:
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
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
