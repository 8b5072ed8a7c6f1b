"""Files that are replaced as a whole: a stop at any moment leaves the old file or the new one."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def whole_file(
    path: Path, *, mode: int = 0o644, durable: bool = False, writer: str = ""
) -> Iterator[BinaryIO]:
    """Yield a new file next to `path` that takes its place when the block ends; after an exception in it
    nothing is left and `path` is as it was. Code that needs a file name writes to its `place_of`.

    durable: it is on the disk before it gets its name. writer: identifies this one where several may write
    the same file at once; otherwise the remains of a killed earlier writer are removed. OSError as for any
    file.
    """
    part = path.with_name(f".{path.name}{writer and '.'}{writer}.part")
    part.unlink(missing_ok=True)
    # A new file: never write to what somebody has put under this name, nor to a link's target.
    fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "r+b") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def place_of(file: BinaryIO) -> str:
    """Return a name under which this process can open the file, even if its own has changed."""
    return f"/proc/self/fd/{file.fileno()}"


def write_whole(
    path: Path, data: bytes, *, mode: int = 0o644, durable: bool = False, writer: str = ""
) -> None:
    """Write a file; see `whole_file`."""
    with whole_file(path, mode=mode, durable=durable, writer=writer) as file:
        file.write(data)
