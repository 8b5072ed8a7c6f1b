"""The program and the notebook of docs/python.md do what they show."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.launching import PROJECT

NOTEBOOK = PROJECT / "docs/notebook.ipynb"


@pytest.mark.slow
def test_coats_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    counted: dict[str, Any] = {}
    exec(compile((PROJECT / "examples/count_coats.py").read_text(), "count_coats.py", "exec"), counted)
    coats = counted["count_coats"](str(PROJECT / "samples/plaza.mp4"), **{"camera.duration": "1s"})
    assert coats["black"] >= 2
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_the_notebook_does_again_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbclient
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    shown = nbformat.read(NOTEBOOK, as_version=4)
    again = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    # A cell that raises ends it with an error.
    nbclient.NotebookClient(again, timeout=120, resources=resources).execute()
    assert counts_in(again) == counts_in(shown)
    assert counts_in(shown)[0] == ["10"]


def counts_in(notebook: Any) -> list[list[str]]:
    """The numbers of frames in the first and the last answer: of records, and of the ledger."""
    texts = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "execute_result" and "image/png" not in output["data"]
    ]
    return [re.findall(r"\d+", texts[0]), re.findall(r"\d+", texts[-1])]


def test_the_notebook_is_small_and_its_program_is_short() -> None:
    assert NOTEBOOK.stat().st_size < 300_000
    assert len((PROJECT / "examples/count_coats.py").read_text().splitlines()) <= 30
