"""Runs the launcher as its users do, in a process of its own, and looks at it from outside."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

import launcher
from framegraph.graph import registry
from framegraph.support import secrets

PROJECT = Path(__file__).resolve().parents[1]
DEADLINE_S = 120.0
"""Far beyond what anything here takes: a test that meets it has found a hang."""


class Launched:
    """A launcher at work. Use as a context manager: whatever happens, nothing of it is left running.

    `through` is a command that becomes the launcher, for what is to be set before it starts; `project` is the
    folder that the launcher is in.
    """

    def __init__(
        self,
        graph: Path,
        *arguments: str,
        folder: Path,
        env: dict[str, str] | None = None,
        through: tuple[str, ...] = (),
        project: Path = PROJECT,
    ) -> None:
        self.project = project
        # One temporary folder a test folder, with a short name: the run's sockets are in it.
        self.temporary = Path(tempfile.gettempdir()) / f"t{zlib.crc32(str(folder).encode()):08x}"
        self.temporary.mkdir(exist_ok=True)
        self._out = (folder / "launcher.out").open("w+")
        self._err = (folder / "launcher.err").open("w+")
        self.process = subprocess.Popen(
            [*through, sys.executable, str(project / "launcher.py"), str(graph), *arguments],
            cwd=folder,
            stdout=self._out,
            stderr=self._err,
            env={**os.environ, "TMPDIR": str(self.temporary), "PYTHONPATH": str(project), **(env or {})},
        )

    def __enter__(self) -> "Launched":
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self.process.kill()
        self.process.wait()
        self._out.close()
        self._err.close()
        if self.process.returncode >= 0:
            # A launcher that was killed leaves something for the next one to clean: that stays.
            shutil.rmtree(self.temporary, ignore_errors=True)

    @property
    def stdout(self) -> str:
        return Path(self._out.name).read_text()

    @property
    def stderr(self) -> str:
        return Path(self._err.name).read_text()

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"the launcher has not ended within {timeout_s} s\n{self.stdout}\n{self.stderr}"
            ) from None

    def children(self) -> list[psutil.Process]:
        """Every process of this run: children of the launcher, or of a launcher that was killed."""
        found = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            command = process.info["cmdline"] or []
            if "framegraph.nodes.process" in command and str(self.temporary) in " ".join(command):
                found.append(process)
        return found

    def child(self, name: str) -> psutil.Process:
        """Wait for the process of a replica, e.g. "detect.0"."""

        def look() -> psutil.Process | None:
            return next((child for child in self.children() if name in _command(child)), None)

        found: psutil.Process = wait_for(look, f"process {name}", self)
        return found

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


def launch_here(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run launcher.py in this process, for what starts nothing: it takes a tenth of the time of a process.

    Returns the exit status, and what was printed on standard output and standard error.
    """
    out, err = io.StringIO(), io.StringIO()
    typed = ["launcher.py", *arguments]
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", typed),
        mock.patch.object(sys, "path", [*sys.path]),
        mock.patch.dict(os.environ),
        mock.patch.dict(registry._loaded),
        mock.patch.object(secrets, "_known", set(secrets._known)),
    ):
        try:
            status = launcher.main(list(arguments))
        except SystemExit as ended:
            status = int(ended.code or 0)
    for name, module in list(sys.modules.items()):
        # A stage of that folder is not known to the next process either.
        if str(getattr(module, "__file__", None)).startswith(f"{folder}/"):
            del sys.modules[name]
    return status, out.getvalue(), err.getvalue()


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def wait_for(
    condition: Callable[[], Any], what: str, launched: Launched | None = None, timeout_s: float = DEADLINE_S
) -> Any:
    """Return the first true answer of `condition`; fail when the deadline passes or the run ends before."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        has_ended = launched is not None and launched.process.poll() is not None
        if has_ended or time.monotonic() > deadline_s:
            said = f"\n{launched.stdout}\n{launched.stderr}" if launched else ""
            raise AssertionError(f"no {what}{' before the run ended' if has_ended else ''}{said}")
        time.sleep(0.01)


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the records of a results file; a last line that is still being written is left out."""
    if not path.exists():
        return []
    text = path.read_bytes()
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]


def seqs(records: Iterable[dict[str, Any]]) -> list[int]:
    return [record["seq"] for record in records if "seq" in record]


def film_times(path: Path) -> list[float]:
    """Decode a film completely and return the times of its pictures in seconds."""
    import av

    with av.open(str(path)) as film:
        frames = list(film.decode(video=0))
    assert all(frame.time is not None for frame in frames)
    return [float(frame.time or 0.0) for frame in frames]
