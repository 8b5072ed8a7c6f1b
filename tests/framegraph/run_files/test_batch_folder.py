"""The folder of a batch: names of inputs, and what is remembered of them."""

from pathlib import Path

import pytest

from framegraph.errors import GraphError
from framegraph.graph.reader import STAGE_NAME
from framegraph.run_files import batch_folder
from framegraph.run_files.batch_folder import BatchFolder, Record, plain_name

STRANGE = [
    "films/take 1.mp4",
    'films/it\'s "mine"\n.mp4',
    "films/café.mp4",
    "films/映画.mp4",
    "films/\udcff\udcfe.mp4",
    "films/1.mp4",
    "films/-rf.mp4",
    f"films/{'long ' * 40}.mp4",
    "photos/**",
    "**/*.mp4",
]


@pytest.mark.parametrize("uri", STRANGE)
def test_every_input_has_a_name_that_a_stage_may_have(uri: str, tmp_path: Path) -> None:
    folder = BatchFolder.find_or_make(tmp_path, "digest", {})
    name = folder.name_of(uri, {plain_name(uri)})
    assert STAGE_NAME.fullmatch(name)
    assert STAGE_NAME.fullmatch(plain_name(uri))
    folder.write(name, Record(uri=uri, stamp=[1, 2], fingerprint="f"))
    assert folder.read(name) == Record(uri=uri, stamp=[1, 2], fingerprint="f")
    folder.close()


def test_a_name_is_that_of_the_file_or_of_the_nearest_folder() -> None:
    assert plain_name("films/take 1.mp4") == "take-1"
    assert plain_name("photos/**") == plain_name("photos/**/*.jpg") == "photos"
    assert plain_name("/films/映画.mp4") == "films"
    assert plain_name("**") == "input"


def test_inputs_of_the_same_name_stay_apart_and_keep_their_names(tmp_path: Path) -> None:
    folder = BatchFolder.find_or_make(tmp_path, "digest", {})
    uris = ["a/take.mp4", "b/take.mp4", "take.mkv", "c/take!.mp4"]
    names = []
    for uri in uris:
        names.append(folder.name_of(uri, ()))
        folder.write(names[-1], Record(uri=uri, stamp=[], fingerprint=""))
    assert len(set(names)) == len(uris)
    assert [folder.name_of(uri, ()) for uri in reversed(uris)] == names[::-1]
    folder.close()


def test_a_batch_finds_its_folder_again_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_folder, "LOCK_LIMIT_S", 0.1)
    first = BatchFolder.find_or_make(tmp_path, "one", {})
    other = BatchFolder.find_or_make(tmp_path, "two", {})
    assert other.path != first.path
    with pytest.raises(GraphError, match="is being written by another run of the same command"):
        BatchFolder.find_or_make(tmp_path, "one", {})
    first.close()
    again = BatchFolder.find_or_make(tmp_path, "one", {})
    assert again.path == first.path
    again.close()
    other.close()


def test_a_torn_record_is_no_record(tmp_path: Path) -> None:
    folder = BatchFolder.find_or_make(tmp_path, "digest", {})
    folder.write("take", Record(uri="take.mp4", stamp=[], fingerprint=""))
    (folder.path / "take/input.json").write_text('{"uri": "take')
    assert folder.read("take") is None
    folder.close()
