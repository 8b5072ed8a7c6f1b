"""How far a sink is, on disk: the newest whole record counts, whatever a power cut did to the other."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framegraph.errors import StageError
from framegraph.support.progress import RECORD_BYTES, Progress, ProgressFile, progress_path


@pytest.fixture
def file(tmp_path: Path) -> Iterator[ProgressFile]:
    file = ProgressFile(tmp_path / "results.jsonl")
    yield file
    file.close()


def fields(number: int) -> dict[str, Any]:
    """What a sink writes down, with the types that the record declares."""
    last = {"seq": number, "epoch": 0, "pts_ns": 40 * number, "running_ns": 40 * number}
    return {
        "run": "run",
        "digest": "digest",
        "source": "camera",
        "last": last,
        "size_bytes": 100 * number,
        "notes": {"remarks": ["no sound"]},
        "tally": {"frames": number},
    }


def number_of(file: ProgressFile) -> int | None:
    """Which record counts now."""
    found = file.read()
    return found.number if found else None


def test_a_new_file_has_no_record(file: ProgressFile) -> None:
    assert file.read() is None


def test_it_stands_beside_the_output() -> None:
    assert progress_path(Path("out/film.mp4")) == Path("out/film.mp4.progress")


def test_a_record_comes_back_as_it_was_written(file: ProgressFile) -> None:
    file.write(**fields(7))
    assert file.read() == Progress(number=1, **fields(7))


def test_the_newest_record_counts_and_the_file_does_not_grow(file: ProgressFile) -> None:
    for number in range(1, 50):
        file.write(**fields(number))
        assert number_of(file) == number
    assert file.path.stat().st_size == 2 * RECORD_BYTES


def test_another_process_goes_on_with_the_numbers(tmp_path: Path, file: ProgressFile) -> None:
    for number in (1, 2, 3):
        file.write(**fields(number))
    other = ProgressFile(tmp_path / "results.jsonl")
    assert number_of(other) == 3
    other.write(**fields(4))
    assert number_of(file) == 4
    other.close()


def test_a_cleared_file_has_no_record_and_counts_anew(file: ProgressFile) -> None:
    for number in (1, 2, 3):
        file.write(**fields(number))
    file.clear()
    assert file.read() is None
    file.write(**fields(1))
    assert number_of(file) == 1


def test_every_changed_byte_of_the_newest_record_is_noticed(file: ProgressFile) -> None:
    file.write(**fields(1))
    file.write(**fields(2))
    # Record 2 stands in the first place, record 1 in the second.
    with file.path.open("r+b", buffering=0) as raw:
        newest = raw.read(RECORD_BYTES)
        for at, byte in enumerate(newest):
            os.pwrite(raw.fileno(), bytes([byte ^ 0x55]), at)
            assert number_of(file) == 1, f"byte {at}"
            os.pwrite(raw.fileno(), bytes([byte]), at)
    assert number_of(file) == 2


@pytest.mark.parametrize("kept", [0, 1, 8, 9, 100, 200])
def test_a_record_of_which_only_the_beginning_was_written_does_not_count(
    file: ProgressFile, kept: int
) -> None:
    for number in (1, 2, 3):
        file.write(**fields(number))
    whole = file.path.read_bytes()
    old = file.path.read_bytes()[:RECORD_BYTES]
    file.write(**fields(4))
    new = file.path.read_bytes()[:RECORD_BYTES]
    file.path.write_bytes(new[:kept] + old[kept:] + whole[RECORD_BYTES:])

    # Either the new record is not begun, so that record 3 is the newest, or it is torn, with 3 beside it.
    assert number_of(file) == 3


def test_with_both_records_torn_there_is_none(file: ProgressFile) -> None:
    file.write(**fields(1))
    file.write(**fields(2))
    file.path.write_bytes(bytes(20) + file.path.read_bytes()[20:RECORD_BYTES] + b"\xff" * RECORD_BYTES)
    assert file.read() is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0" * 2 * RECORD_BYTES, id="zeros"),
        pytest.param(b'{"version": 1}\n' * 5, id="another file"),
        pytest.param(b"\xff" * 100, id="binary"),
    ],
)
def test_bytes_that_are_no_record_are_none(tmp_path: Path, content: bytes) -> None:
    progress_path(tmp_path / "x").write_bytes(content)
    file = ProgressFile(tmp_path / "x")
    assert file.read() is None
    file.close()


def test_a_record_that_does_not_fit_is_an_error_and_leaves_the_last_one(file: ProgressFile) -> None:
    file.write(**fields(1))
    with pytest.raises(StageError, match=rf"a progress record of \d+ bytes; {RECORD_BYTES} fit"):
        file.write(**{**fields(2), "notes": {"long": "x" * RECORD_BYTES}})
    assert number_of(file) == 1


def test_the_fields_of_the_record_are_those_of_this_test() -> None:
    known = {field.name for field in dataclasses.fields(Progress)}
    assert known == {*fields(0), "number", "is_finished", "end_cause", "remarks", "highest_ids"}
