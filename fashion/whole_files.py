"""Files that come whole or not at all: a stop at any moment leaves the old file or the new one."""

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
    nothing is left and `path` is as it was. What can write only to a name writes to `place_of` it.

    durable: it is on the disk before it has the name. writer: where several may write the same at once, what
    tells this one from the others; else what an earlier writer left when it was killed is removed. OSError as
    of any file.
    """
    part = path.with_name(f".{path.name}{writer and '.'}{writer}.part")
    part.unlink(missing_ok=True)
    # A file of our own: what somebody may put under this name is not written to, nor where a link leads.
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
    """A name under which this process can open the file, whatever has become of its own."""
    return f"/proc/self/fd/{file.fileno()}"


def write_whole(
    path: Path, data: bytes, *, mode: int = 0o644, durable: bool = False, writer: str = ""
) -> None:
    """Write a file; see `whole_file`."""
    with whole_file(path, mode=mode, durable=durable, writer=writer) as file:
        file.write(data)
