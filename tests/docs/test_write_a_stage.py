"""What docs/write-a-stage.md shows works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from framegraph import stage, testing, transactions
from tests.launching import PROJECT

_BLOCK = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_stage_of_the_document_passes_its_tests_and_fits_into_a_graph(tmp_path: Path) -> None:
    blocks = _BLOCK.findall((PROJECT / "docs/write-a-stage.md").read_text(encoding="utf-8"))
    assert [name for name, _text in blocks] == ["tall.py", "test_tall.py"]
    for name, text in blocks:
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert "3 passed" in run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    launcher = str(PROJECT / "launcher.py")
    line = f"source uri={PROJECT / 'samples/plaza.mp4'} ! detect ! tall.Tall height=80 ! json_sink location=a.jsonl"
    assert "nothing wrong was found" in run(tmp_path, launcher, line, "--check")
    assert "height  : The least height of a tall person" in run(tmp_path, launcher, "inspect", "tall.Tall")


def test_what_the_document_says_of_the_kinds_exists() -> None:
    text = (PROJECT / "docs/write-a-stage.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|([^|]*)\|", text, flags=re.MULTILINE)
    kinds = ["Stage", "Ordered", "Source", "FileSink", "TransactionalSink", "Sink"]
    assert [kind for kind, _methods, _kit in rows] == kinds
    for kind, methods, kit in rows:
        for name in re.findall(r"`(\w+)`", methods):
            class_ = getattr(stage, kind, None) or getattr(transactions, kind)
            assert hasattr(class_, name) or name in ("resume", "timeout"), f"{kind} has no {name}"
        assert hasattr(testing, re.findall(r"`(\w+)`", kit)[0])
