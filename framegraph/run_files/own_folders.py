"""Folders and files that belong to this user alone: found, made, and distinguished from what others have put
in their place.

In a folder that everybody may write to, a name proves nothing: everything is checked before use, without
following links, and must belong to this user and be writable by nobody else. What is not ours is left alone
and never blocks a run.
"""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from framegraph.errors import GraphError


def why_not_ours(folder: Path) -> str:
    """Return why a folder must not be trusted, or an empty text; FileNotFoundError if there is none."""
    found = os.lstat(folder)
    if stat.S_ISLNK(found.st_mode):
        return "is a link"
    if not stat.S_ISDIR(found.st_mode):
        return "is not a folder"
    if found.st_uid != os.getuid():
        return f"belongs to user {found.st_uid}"
    return "may be written to by others" if found.st_mode & 0o022 else ""


def make_base(most_bytes: int) -> tuple[Path, list[str]]:
    """Return the folder for run folders, made if need be, and what was in the way.

    most_bytes: the longest name it may have, because it holds sockets. GraphError if there is no place.
    """
    remarks: list[str] = []
    too_long = []
    for base in _wished():
        if len(os.fsencode(base)) > most_bytes:
            too_long.append(base)
            continue
        try:
            base.mkdir(mode=0o700, exist_ok=True)
            why = why_not_ours(base)
        except OSError as error:
            why = error.strerror or str(error)
        if not why:
            base.chmod(0o700)
            return base, remarks
        remarks.append(f"{base} {why}, so it is not used; remove it if it is yours")
    for temporary in _temporary_folders():
        if len(os.fsencode(temporary)) + len(f"/{_name()}-12345678") <= most_bytes:
            # mkdtemp makes a name that nobody can guess.
            return Path(tempfile.mkdtemp(prefix=f"{_name()}-", dir=temporary)), remarks
    shown = too_long[0] if too_long else Path(tempfile.gettempdir())
    raise GraphError(
        f"the names of the stages are too long for sockets in {str(shown)[:200]}; shorten them, or set "
        "TMPDIR to a folder with a shorter name"
    )


def known_bases() -> list[Path]:
    """Return our folders that may hold running graphs."""
    found = [*_wished()]
    for temporary in _temporary_folders():
        found += sorted(temporary.glob(f"{_name()}-*"))
    return [base for base in dict.fromkeys(found) if is_ours(base)]


def is_ours(folder: Path) -> bool:
    """Return whether a folder exists, belongs to this user, and is writable by nobody else."""
    try:
        return not why_not_ours(folder)
    except OSError:
        return False


def remove_own_file(path: Path) -> str:
    """Remove a file of ours; return a remark if something else is there, or an empty text. Links are not
    followed."""
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            return f"{path} is not ours, so it is left"
        path.unlink()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path} cannot be removed: {error.strerror}"
    return ""


def _wished() -> Iterator[Path]:
    """Yield the possible places of the folder, best first."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and is_ours(Path(runtime)):
        yield Path(runtime) / "framegraph"
    for temporary in _temporary_folders():
        yield temporary / _name()


def _temporary_folders() -> list[Path]:
    return list(dict.fromkeys([Path(tempfile.gettempdir()), Path("/tmp")]))


def _name() -> str:
    return f"framegraph-{os.getuid()}"
