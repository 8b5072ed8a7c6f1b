"""The films of a folder or glob: which there are, and what is one input."""

import os
from pathlib import Path

import pytest

from fashion_pipeline.stages.media.films import batch_of, list_films
from fashion_pipeline.stages.source import FilmSource
from framegraph.errors import GraphError
from framegraph.properties import read_options


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.fsencode(name))


def test_films_are_listed_once_in_natural_order(tmp_path: Path) -> None:
    strange = os.fsdecode(b'\xff it\'s "9"\n.MKV')
    touch(tmp_path, "take10.mp4", "take9.mp4", strange, ".hidden.mp4", "notes.txt", "below/deep.mov")
    (tmp_path / "x-link.mp4").symlink_to("take9.mp4")
    os.link(tmp_path / "take9.mp4", tmp_path / "x-same.mp4")
    (tmp_path / "gone.mp4").symlink_to("nowhere.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "loop").symlink_to(".")
    own = ["take9.mp4", "take10.mp4", strange]
    assert sorted(path.name for path in list_films(str(tmp_path))) == sorted(own)
    assert [path.name for path in list_films(str(tmp_path / "take*.mp4"))] == own[:2]
    assert sorted(path.name for path in list_films(str(tmp_path / "**"))) == sorted([*own, "deep.mov"])


def test_one_film_and_a_folder_of_images_are_one_input(tmp_path: Path) -> None:
    touch(tmp_path, "film.mp4", "photos/a/1.png", "photos/2.png", "clip[1].mp4")
    for name in ("film.mp4", "clip[1].mp4", "photos", "photos/*.png", "photos/2.png"):
        assert batch_of(str(tmp_path / name)) == []
    nested = str(tmp_path / "photos/**")
    assert batch_of(nested) == [nested]
    assert batch_of("rtsp://host/stream") == batch_of("/dev/video0") == []


def test_films_and_images_together_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "film.mp4", "poster.jpg")
    for uri in (tmp_path, tmp_path / "*", tmp_path / "**"):
        with pytest.raises(GraphError, match=r"1 films and 1 images are there; name .*\*\.mp4 or .*\*\.jpg"):
            FilmSource.check(read_options(FilmSource.Options, {"uri": str(uri)}))
    FilmSource.check(read_options(FilmSource.Options, {"uri": str(tmp_path / "*.mp4")}))
