"""A folder that comes whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder next to `path` that gets this name when the block ends; after an exception in it
    nothing is left. `path` must not exist. OSError."""
    part = path.with_name(f".{path.name}.part")
    # What a killed export has left.
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        os.rename(part, path)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
