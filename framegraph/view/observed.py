"""Another launcher's run seen from outside: its processes and their status pages."""

from pathlib import Path

from framegraph.supervisor.runner import name_and_folder
from framegraph.wire.config import RunPaths
from framegraph.wire.status_page import Status, StatusPage


def children_of(pid: int) -> list[tuple[int, str, str]]:
    """Return (process id, STAGE.REPLICA, run folder) of the processes that a launcher has started."""
    found = []
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    for child in children:
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace").split("\0")
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        started = name_and_folder(command)
        if started is not None and state != "Z":
            found.append((int(child), *started))
    return found


def status_of(name: str, folder: str) -> Status | None:
    """Return a process's last status; None if there is none. name: STAGE.REPLICA."""
    stage, _dot, replica = name.rpartition(".")
    path = Path(RunPaths(folder).status(stage, int(replica)))
    if not path.exists():
        return None
    page = StatusPage(path)
    try:
        return page.read()
    finally:
        page.close()
