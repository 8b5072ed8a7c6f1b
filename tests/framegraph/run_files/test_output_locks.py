"""One run per output."""

from pathlib import Path

import pytest

from framegraph.errors import GraphError
from framegraph.run_files.output_locks import OutputLocks
from framegraph.support.progress import progress_path


def test_a_location_is_refused_while_another_run_has_it(tmp_path: Path) -> None:
    film = tmp_path / "out" / "film.mp4"
    first = OutputLocks([film])
    with pytest.raises(GraphError) as caught:
        OutputLocks([film])
    assert str(caught.value) == (
        f"{film} is being written by another run; wait, stop it, or choose another location"
    )
    first.release(remove=False)
    OutputLocks([film]).release(remove=True)


def test_a_run_that_is_refused_one_location_holds_none(tmp_path: Path) -> None:
    free, taken = tmp_path / "free", tmp_path / "taken"
    other = OutputLocks([taken])
    with pytest.raises(GraphError):
        OutputLocks([free, taken])
    OutputLocks([free]).release(remove=True)
    other.release(remove=True)


def test_the_same_file_by_another_name_is_the_same_location(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    first = OutputLocks([tmp_path / "out" / "film.mp4"])
    with pytest.raises(GraphError):
        OutputLocks([tmp_path / "link" / "film.mp4"])
    first.release(remove=True)


@pytest.mark.parametrize("remove", [True, False])
def test_a_finished_run_takes_its_progress_files_with_it(tmp_path: Path, remove: bool) -> None:
    location = tmp_path / "film.mp4"
    OutputLocks([location]).release(remove=remove)
    assert progress_path(location).exists() is not remove


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = tmp_path / "film.mp4"
    import fcntl

    flock = fcntl.flock
    removed: list[Path] = []

    def after_the_other_run_has_ended(fd: int, how: int) -> None:
        if not removed:
            removed.append(progress_path(location))
            removed[0].unlink()
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", after_the_other_run_has_ended)
    first = OutputLocks([location])
    assert removed
    with pytest.raises(GraphError):
        OutputLocks([location])
    first.release(remove=True)


def test_no_location_needs_no_lock() -> None:
    OutputLocks([]).release(remove=True)


def test_a_folder_that_cannot_be_made_is_named() -> None:
    with pytest.raises(
        GraphError, match=r"^/proc/none/a\.mp4 cannot be written: /proc/none: .*; choose another"
    ):
        OutputLocks([Path("/proc/none/a.mp4")])
