"""Locations that are refused, and in which words."""

from pathlib import Path

import pytest

from tests.framegraph.graph.conftest import RIGHT
from tests.framegraph.graph.wrong_kit import Write, changed, error_of


def test_two_sources_need_a_location_for_each(write: Write) -> None:
    text = (
        changed("  detect:", "  door: {type: test_kit.Camera, uri: b.mp4}\n  detect:") + "  - door ! detect\n"
    )
    assert error_of(write(text)) == (
        "g.yaml:7:3: stage 'film' takes 2 sources, so its location 'out/film.mp4' must hold {source}, "
        "e.g. out/film-{source}.mp4: it makes a file per source\n"
        "g.yaml:8:3: stage 'lines' takes 2 sources, so its location 'out/lines.jsonl' must hold {source}, "
        "e.g. out/lines-{source}.jsonl: it makes a file per source"
    )


@pytest.mark.parametrize("other", ["out/film.mp4", "./out/../out/film.mp4", "link/film.mp4"])
def test_two_sinks_may_not_write_one_file(write: Write, folder: Path, other: str) -> None:
    (folder / "out").mkdir()
    (folder / "link").symlink_to("out")
    assert error_of(write(changed("out/lines.jsonl", other))) == (
        f"g.yaml:7:3: stages 'film' and 'lines' both write {Path(other)}; separate them"
    )


def test_a_sink_may_not_write_over_an_input(write: Write, folder: Path) -> None:
    (folder / "a.mp4").touch()
    assert error_of(write(changed("out/film.mp4", "./a.mp4"))) == (
        "g.yaml:6:3: stage 'film' would overwrite a.mp4, the input of 'camera' (as a.mp4); choose another location"
    )


def test_a_sink_may_not_write_where_the_ledger_goes(write: Write) -> None:
    assert error_of(write(RIGHT + "ledger: out/lines.jsonl\n")).startswith("g.yaml:7:3: stage 'lines' ")


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        pytest.param("kept", "it is a folder", id="a folder"),
        pytest.param("file/film.mp4", "file is not a folder", id="below a file"),
        pytest.param("file/a/b/film.mp4", "file is not a folder", id="deep below a file"),
    ],
)
def test_a_location_that_cannot_be_written(write: Write, folder: Path, location: str, problem: str) -> None:
    (folder / "kept").mkdir()
    (folder / "file").touch()
    assert error_of(write(changed("out/film.mp4", location))) == (
        f"g.yaml:6:3: stage 'film' cannot write {location}: {problem}; "
        f"choose another location ({Path(location).name}.progress goes next to it)"
    )


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("''", "location '' names no file; add one, e.g. film"),
        ("out/", "location 'out/' names no file; add one, e.g. out/film"),
        ("'out/{sorce}.mp4'", "location 'out/{sorce}.mp4' has no place '{sorce}'; did you mean '{source}'?"),
    ],
    ids=["empty", "a folder that is not there", "a misspelt place"],
)
def test_a_location_that_names_no_file(write: Write, location: str, said: str) -> None:
    assert error_of(write(changed("out/film.mp4", location))) == f"g.yaml:6:3: stage 'film': {said}"


def test_a_location_whose_name_is_too_long(write: Write) -> None:
    said = error_of(write(changed("out/film.mp4", f"out/{'x' * 300}.mp4")))
    assert "g.yaml:6:3: stage 'film' cannot write out/xxx" in said
    assert "is longer than 255 bytes; choose another location" in said


def test_a_ledger_that_cannot_be_written(write: Write, folder: Path) -> None:
    (folder / "kept").mkdir()
    assert error_of(write(RIGHT + "ledger: kept\n")) == (
        "g.yaml: the ledger cannot be written to kept: it is a folder; name another"
    )
