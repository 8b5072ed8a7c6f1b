"""A file comes whole or not at all, and is nobody else's. The same code serves models and training."""

import os
import stat
from pathlib import Path
from types import ModuleType

import pytest

from fashion_pipeline.fashion import whole_files as of_models
from framegraph.support import whole_files as of_runs


@pytest.fixture(params=[of_runs, of_models], ids=["framegraph", "fashion"])
def whole(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("durable", [False, True])
def test_a_new_file_takes_the_place_of_the_old_one(whole: ModuleType, tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "a.json"
    for data in (b"first and longer", b"second"):
        whole.write_whole(path, data, durable=durable)
        assert path.read_bytes() == data
    assert names(tmp_path) == ["a.json"]


def test_its_mode_is_the_one_asked_for(whole: ModuleType, tmp_path: Path) -> None:
    whole.write_whole(tmp_path / "secret", b"x", mode=0o600)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_after_an_error_the_old_file_stands_and_nothing_else(whole: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="No space"), whole.whole_file(path) as file:
        file.write(b"half")
        raise OSError(28, "No space left on device")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_full_disk_is_an_error(whole: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(OSError, match="No space"), whole.whole_file(path) as file:
        with open("/dev/full", "wb") as full:
            os.dup2(full.fileno(), file.fileno())
        file.write(b"x")
    assert names(tmp_path) == []


def test_what_a_killed_writer_has_left_is_replaced_and_no_link_is_followed(
    whole: ModuleType, tmp_path: Path
) -> None:
    victim, path = tmp_path / "victim", tmp_path / "a"
    victim.write_bytes(b"precious")
    (tmp_path / ".a.part").symlink_to(victim)
    whole.write_whole(path, b"new")
    assert (victim.read_bytes(), path.read_bytes()) == (b"precious", b"new")
    assert not path.is_symlink()
    assert names(tmp_path) == ["a", "victim"]


def test_two_writers_at_once_do_not_meet(whole: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a"
    with whole.whole_file(path, writer="1") as first:
        first.write(b"first")
        whole.write_whole(path, b"second", writer="2")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"


def test_what_writes_to_names_only_is_given_one(whole: ModuleType, tmp_path: Path) -> None:
    with whole.whole_file(tmp_path / "a") as file:
        Path(whole.place_of(file)).write_bytes(b"by name")
    assert (tmp_path / "a").read_bytes() == b"by name"
