"""Find, check and load Fashion-MNIST."""

import gzip
import hashlib
import os
import shutil
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ENVIRONMENT = "FASHION_MNIST"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # apt install dataset-fashion-mnist
DOWNLOAD_FOLDER = Path.home() / ".cache" / "fashion-mnist"
TORCHVISION_SUBFOLDER = Path("FashionMNIST") / "raw"  # where torchvision.datasets.FashionMNIST puts its files
SUMS_FILE = "SHA256SUMS"  # a folder with a part of the set has its own sums (of the unpacked content) in here

# The sha256 of each file's unpacked content: Debian packs the same bytes anew, so the packed files differ.
FILES = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
SIDE_PX = 28
CLASSES = 10
HELD_OUT = 5_000  # training pictures that choices are made by, never the test pictures
SPLIT_SEED = 20_170_825  # of the one split that all runs share: the month the set was published


class DataError(ValueError):
    """Data that is missing or damaged. One line that says what to do."""


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Pictures as uint8 N x 28 x 28, labels as int64 N; `digest` is the sha256 over the four files' sums."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    digest: str


def find_folder(*, may_download: bool = False) -> Path:
    """Return the folder of the data set: FASHION_MNIST, else the Debian package's, else that of a download.

    may_download: the user's word that it may be fetched (31 MB, by torchvision) if it is nowhere whole.
    Raises DataError, with the three ways to get it, if there is none.
    """
    named = os.environ.get(ENVIRONMENT)
    if named:
        if not Path(named).is_dir():
            raise DataError(f"{ENVIRONMENT}={named}: no such folder; it must hold {', '.join(FILES)}")
        return Path(named)
    downloaded = DOWNLOAD_FOLDER / TORCHVISION_SUBFOLDER
    for folder in (DEBIAN_FOLDER, downloaded):
        if all((folder / name).is_file() for name in FILES) and not (may_download and _is_damaged(folder)):
            return folder
    if not may_download:
        raise DataError(
            "Fashion-MNIST not found; set FASHION_MNIST to its folder, or "
            "`apt install dataset-fashion-mnist`, or give --download (31 MB)"
        )
    _download(DOWNLOAD_FOLDER)
    return downloaded


def load(folder: Path) -> DataSet:
    """Read the four files of a folder, after testing their checksums.

    Raises DataError, naming the file, if one is missing, has another checksum or does not hold what it
    should.
    """
    sums = _expected_sums(folder)
    content = {name: _checked_content(folder / name, sums[name]) for name in FILES}
    arrays = {name: _parse(folder / name, raw) for name, raw in content.items()}
    train_images, train_labels, test_images, test_labels = (arrays[name] for name in FILES)
    for images, labels, kind in ((train_images, train_labels, "train"), (test_images, test_labels, "t10k")):
        if len(images) != len(labels) or not len(labels):
            raise DataError(f"{folder}: {kind} has {len(images)} pictures and {len(labels)} labels")
        if labels.max() >= CLASSES:
            raise DataError(f"{folder}: {kind} has the label {labels.max()}, expected 0 to {CLASSES - 1}")
    return DataSet(
        train_images=train_images,
        train_labels=train_labels.astype(np.int64),
        test_images=test_images,
        test_labels=test_labels.astype(np.int64),
        digest=hashlib.sha256("\n".join(sums[name] for name in FILES).encode()).hexdigest(),
    )


def hold_out(data: DataSet, count: int = HELD_OUT) -> DataSet:
    """Put `count` training pictures in the place of the test pictures, the same ones in every run."""
    total = len(data.train_labels)
    if not 0 < count < total:
        raise DataError(f"cannot hold out {count} of {total} training pictures")
    order = np.random.Generator(np.random.PCG64(SPLIT_SEED)).permutation(total)
    held, kept = np.sort(order[:count]), np.sort(order[count:])
    return DataSet(
        train_images=data.train_images[kept],
        train_labels=data.train_labels[kept],
        test_images=data.train_images[held],
        test_labels=data.train_labels[held],
        digest=data.digest,
    )


def _is_damaged(folder: Path) -> bool:
    try:
        load(folder)
    except DataError:
        return True
    return False


def _download(folder: Path) -> None:
    from torchvision.datasets import FashionMNIST

    try:
        # It fetches nothing where the unpacked files of an earlier download lie, whatever else is damaged.
        shutil.rmtree(folder / TORCHVISION_SUBFOLDER, ignore_errors=True)
        FashionMNIST(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{folder}: the download failed ({reason}); try again, or get the set another way"
        ) from error


def _expected_sums(folder: Path) -> Mapping[str, str]:
    """The sums of the whole set, or of the part of it that the folder says it is."""
    sums_path = folder / SUMS_FILE
    if not sums_path.exists():
        return FILES
    try:
        text = sums_path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{sums_path}: cannot be read ({error.strerror}); get the data set again") from error
    pairs = [line.split() for line in text.splitlines() if line.strip()]
    sums = {pair[1]: pair[0] for pair in pairs if len(pair) == 2}
    missing = [name for name in FILES if name not in sums]
    if missing:
        raise DataError(
            f"{sums_path}: has no sum for {missing[0]}; remove it to use the sums of the whole set"
        )
    return sums


def _checked_content(path: Path, expected_sum: str) -> bytes:
    """The unpacked content of a file, once it is known to be the right one."""
    try:
        raw = gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}); get the data set again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); get the data set again") from error
    found = hashlib.sha256(raw).hexdigest()
    if found != expected_sum:
        raise DataError(
            f"{path}: damaged: sha256 is {found}, expected {expected_sum}; get the data set again"
        )
    return raw


def _parse(path: Path, raw: bytes) -> NDArray[np.uint8]:
    """Read an IDX file: magic number 0x0800 plus the number of dimensions, the dimensions, the bytes."""
    dimensions = 3 if "images" in path.name else 1
    start = 4 + 4 * dimensions
    if len(raw) < start:
        raise DataError(f"{path}: only {len(raw)} bytes; get the data set again")
    magic, *shape = struct.unpack(f">{1 + dimensions}I", raw[:start])
    if magic != 0x0800 + dimensions or shape[1:] not in ([], [SIDE_PX, SIDE_PX]):
        raise DataError(f"{path}: not an IDX file of this data set (magic {magic:#06x}, shape {shape})")
    if len(raw) - start != int(np.prod(shape)):
        raise DataError(
            f"{path}: shape {shape} does not fit its {len(raw) - start} bytes; get the data set again"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
