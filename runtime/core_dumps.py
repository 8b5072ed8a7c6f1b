"""No picture of a process's memory is left behind when it crashes: it holds passwords and people's faces."""

import contextlib
import resource


def no_core_dumps() -> None:
    """Switch core dumps off for this process and what it starts. The limit is one byte: with none at all the
    kernel would still hand the memory to a program that collects it."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (1 if hard < 0 else min(1, hard), hard))
