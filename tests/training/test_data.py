import gzip
import hashlib
import shutil
import struct
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from fashion_pipeline.training import data as module
from fashion_pipeline.training.data import DataError, find_folder, hold_out, load

SLICE = Path(__file__).parents[1] / "data" / "fashion-mnist"
IMAGES = "train-images-idx3-ubyte.gz"


@pytest.fixture
def folder(tmp_path):
    """A copy of the slice that a test may damage."""
    return shutil.copytree(SLICE, tmp_path / "set")


def replace_content(folder, name, raw):
    """Put other content into a file, and its right sum beside it, so that only the content is wrong."""
    (folder / name).write_bytes(gzip.compress(raw))
    sums = dict(line.split()[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    sums[name] = hashlib.sha256(raw).hexdigest()
    (folder / "SHA256SUMS").write_text("".join(f"{digest}  {file}\n" for file, digest in sums.items()))


def test_the_slice_is_real_and_small(data):
    assert data.train_images.shape == (1000, 28, 28)
    assert data.test_images.shape == (500, 28, 28)
    assert data.train_labels[:5].tolist() == [9, 0, 0, 3, 0]
    assert sum(path.stat().st_size for path in SLICE.iterdir()) < 1_000_000
    assert (SLICE / "LICENSE").is_file()


def test_the_environment_names_the_folder(folder, monkeypatch):
    monkeypatch.setenv("FASHION_MNIST", str(folder))
    assert find_folder() == folder
    monkeypatch.setenv("FASHION_MNIST", str(folder / "none"))
    with pytest.raises(DataError, match=r"FASHION_MNIST=.*none: no such folder"):
        find_folder()


def test_without_data_the_error_names_the_three_ways_to_it(tmp_path, monkeypatch):
    monkeypatch.delenv("FASHION_MNIST")
    monkeypatch.setattr(module, "DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setattr(module, "DOWNLOAD_FOLDER", tmp_path / "none")
    with pytest.raises(
        DataError, match=r"set FASHION_MNIST .* `apt install dataset-fashion-mnist`.* --download"
    ):
        find_folder()


def test_a_download_needs_the_users_word_and_happens_once(tmp_path, monkeypatch):
    target = tmp_path / "cache" / module.TORCHVISION_SUBFOLDER
    downloads = []

    def copy_slice(folder):
        downloads.append(folder)
        shutil.copytree(SLICE, folder / module.TORCHVISION_SUBFOLDER, dirs_exist_ok=True)

    monkeypatch.delenv("FASHION_MNIST")
    monkeypatch.setattr(module, "DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setattr(module, "DOWNLOAD_FOLDER", tmp_path / "cache")
    monkeypatch.setattr(module, "_download", copy_slice)
    assert [find_folder(may_download=True), find_folder(may_download=True), find_folder()] == [target] * 3
    assert downloads == [tmp_path / "cache"]
    (target / IMAGES).write_bytes(b"x")
    assert find_folder() == target
    assert len(downloads) == 1
    assert find_folder(may_download=True) == target
    assert len(downloads) == 2
    load(target)


@pytest.mark.slow
def test_a_download_that_fails_is_one_line_and_can_be_tried_again(tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise URLError("no\nnetwork")

    monkeypatch.delenv("FASHION_MNIST")
    monkeypatch.setattr(module, "DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setattr(module, "DOWNLOAD_FOLDER", tmp_path / "cache")
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    unpacked = tmp_path / "cache" / module.TORCHVISION_SUBFOLDER
    unpacked.mkdir(parents=True)
    for name in module.FILES:  # where these lie, torchvision itself asks for nothing
        (unpacked / name.removesuffix(".gz")).write_bytes(b"")
    for _ in range(2):  # torchvision makes its folder before it asks the server
        with pytest.raises(DataError, match=r"cache: the download failed .*; try again") as raised:
            find_folder(may_download=True)
        assert "\n" not in str(raised.value)
    with pytest.raises(DataError, match="Fashion-MNIST not found"):
        find_folder()


def test_a_missing_file_is_named(folder):
    (folder / IMAGES).unlink()
    with pytest.raises(DataError, match=f"{IMAGES}: cannot be read"):
        load(folder)


@pytest.mark.parametrize("keep", [0, 10, 5000, -1])
def test_a_file_that_was_cut_off_is_named(folder, keep):
    (folder / IMAGES).write_bytes((folder / IMAGES).read_bytes()[:keep])
    with pytest.raises(DataError, match=f"{IMAGES}: "):
        load(folder)


def test_a_changed_byte_is_found_by_the_checksum(folder):
    raw = bytearray(gzip.decompress((folder / IMAGES).read_bytes()))
    raw[1000] ^= 1
    (folder / IMAGES).write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(DataError, match=rf"{IMAGES}: damaged: sha256 is \w+, expected \w+"):
        load(folder)


def test_without_its_own_sums_the_sums_of_the_whole_set_hold(folder):
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(DataError, match="damaged"):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe"])
def test_sums_that_leave_a_file_out_are_refused(folder, content):
    (folder / "SHA256SUMS").write_bytes(content)
    with pytest.raises(DataError, match="SHA256SUMS: has no sum for train-images"):
        load(folder)


def test_sums_that_cannot_be_read_are_refused(folder):
    (folder / "SHA256SUMS").unlink()
    (folder / "SHA256SUMS").mkdir()
    with pytest.raises(DataError, match=r"SHA256SUMS: cannot be read \(Is a directory\); get"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        (IMAGES, b"\0\0", "only 2 bytes"),
        (IMAGES, struct.pack(">4I", 0x801, 1, 28, 28) + bytes(784), "not an IDX file"),
        (IMAGES, struct.pack(">4I", 0x803, 1, 9, 28) + bytes(252), "not an IDX file"),
        (IMAGES, struct.pack(">4I", 0x803, 2, 28, 28) + bytes(784), "does not fit its 784 bytes"),
        (IMAGES, struct.pack(">4I", 0x803, 1, 28, 28) + bytes(784), "1 pictures and 1000 labels"),
        ("t10k-labels-idx1-ubyte.gz", struct.pack(">2I", 0x801, 500) + bytes([10] * 500), "the label 10"),
    ],
)
def test_content_that_is_no_such_data_is_refused(folder, name, raw, message):
    replace_content(folder, name, raw)
    with pytest.raises(DataError, match=message):
        load(folder)


def test_held_out_pictures_are_training_pictures_and_always_the_same(data):
    split = hold_out(data, 100)
    assert len(split.train_labels) == 900
    assert len(split.test_labels) == 100
    everything = np.concatenate([split.train_images, split.test_images]).reshape(1000, -1)
    assert sorted(map(bytes, everything)) == sorted(map(bytes, data.train_images.reshape(1000, -1)))
    assert np.array_equal(hold_out(data, 100).test_images, split.test_images)
    with pytest.raises(DataError, match="cannot hold out 1000 of 1000"):
        hold_out(data, 1000)
