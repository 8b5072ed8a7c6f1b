"""Find and read the pictures: street photos with tags, photos of single garments."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.training.data import DataError

STREET_ENVIRONMENT = "STREET_DATA"  # tagged.json and tagged/, truth.json and photos/
CLOTHING_ENVIRONMENT = "CLOTHING_DATA"  # train/FOLDER/ and validation/FOLDER/
DOWNLOAD_FOLDER = Path.home() / ".cache" / "fashion-street"

FOLDERS = (
    "dress",
    "hat",
    "longsleeve",
    "outwear",
    "pants",
    "shirt",
    "shoes",
    "shorts",
    "skirt",
    "t-shirt",
)
"""The folders of the garment photos, in the order of the second output of the network."""

LABELS_OF_FOLDER: dict[str, tuple[str, ...]] = {
    "dress": ("Dress",),
    "longsleeve": ("Pullover",),
    "outwear": ("Coat",),
    "pants": ("Trouser",),
    "shirt": ("Shirt",),
    "shoes": ("Sandal", "Sneaker", "Ankle boot"),
    "t-shirt": ("T-shirt/top",),
}
"""The labels that are right for a folder. Hats, shorts and skirts have none among the ten."""

RARE, COMMON = 18, 1000
"""A tag teaches something if at least RARE photos have it and not nearly all (COMMON of about 1,100) do."""


@dataclass(frozen=True, kw_only=True)
class TaggedPhotos:
    """Street photos with labels for the whole photo, in the order of their names.

    labels: float32 N x 10, 1 where the photo's person wears it. tags: float32 N x T, the finer words of the
    data set (skirt, heels, jeans, …), named by `tag_names`.
    """

    paths: tuple[Path, ...]
    labels: NDArray[np.float32]
    tags: NDArray[np.float32]
    tag_names: tuple[str, ...]
    digest: str


@dataclass(frozen=True, kw_only=True)
class GarmentPhotos:
    """Photos of one garment each; `folders` holds indices into FOLDERS."""

    paths: tuple[Path, ...]
    folders: NDArray[np.int64]


def street_folder() -> Path:
    """Return the folder of the street photos: STREET_DATA, else a download's. Raises DataError if none."""
    return _folder(STREET_ENVIRONMENT, "street", "tagged.json", "the street photos")


def clothing_folder() -> Path:
    """Return the folder of the garment photos: CLOTHING_DATA, `clothing` beside STREET_DATA, or a download.

    Raises DataError if there is none.
    """
    street = os.environ.get(STREET_ENVIRONMENT)
    if not os.environ.get(CLOTHING_ENVIRONMENT) and street:
        beside = Path(street).resolve().parent / "clothing"
        if (beside / "train").is_dir():
            return beside
    return _folder(CLOTHING_ENVIRONMENT, "clothing", "train", "the photos of single garments")


def load_tagged(folder: Path) -> TaggedPhotos:
    """Read tagged.json and check that its photos are there. Raises DataError, naming the file, if not."""
    entries = sorted(read_entries(folder / "tagged.json"), key=lambda entry: str(entry["photo"]))
    paths = tuple(folder / "tagged" / str(entry["photo"]) for entry in entries)
    _check_present(paths)
    tags = [set(entry.get("tags", ())) for entry in entries]
    counts = {tag: sum(tag in own for own in tags) for tag in sorted(set().union(*tags))}
    names = tuple(tag for tag, count in counts.items() if RARE <= count < COMMON)
    return TaggedPhotos(
        paths=paths,
        labels=label_matrix(entries),
        tags=np.array([[name in own for name in names] for own in tags], np.float32),
        tag_names=names,
        digest=hashlib.sha256((folder / "tagged.json").read_bytes()).hexdigest(),
    )


def load_garments(folder: Path, part: str) -> GarmentPhotos:
    """List the photos of "train" or "validation". Raises DataError if a folder is missing or empty."""
    paths: list[Path] = []
    folders: list[int] = []
    for index, name in enumerate(FOLDERS):
        found = sorted((folder / part / name).glob("*.jpg"))
        if not found:
            raise DataError(f"{folder / part / name}: no *.jpg here; get the garment photos again")
        paths += found
        folders += [index] * len(found)
    return GarmentPhotos(paths=tuple(paths), folders=np.array(folders, np.int64))


ENTRIES = 'a list is wanted: [{"photo": "NAME.jpg", "garments": [{"label": "Coat"}, …]}, …]'


def read_entries(path: Path) -> list[dict[str, Any]]:
    """Read a list of photos with their garments. Raises DataError, naming the entry, if it is not one."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {ENTRIES}") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); {ENTRIES}") from error
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{path}: expected a list of photos, got {type(entries).__name__}")
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or "photo" not in entry or not isinstance(entry.get("garments"), list):
            raise DataError(f"{path}: entry {number} has no 'photo' and list of 'garments'")
        unknown = {garment.get("label") for garment in entry["garments"]} - set(LABELS)
        if unknown:
            raise DataError(f"{path}: {entry['photo']}: label {min(map(str, unknown))!r} is not of the ten")
    return entries


def label_matrix(entries: list[dict[str, Any]]) -> NDArray[np.float32]:
    """float32 N x 10: 1 where a photo's garments have the label."""
    worn = [{garment["label"] for garment in entry["garments"]} for entry in entries]
    return np.array([[label in own for label in LABELS] for own in worn], np.float32)


def _folder(environment: str, name: str, needed: str, what: str) -> Path:
    named = os.environ.get(environment)
    folder = Path(named) if named else DOWNLOAD_FOLDER / name
    if (folder / needed).exists():
        return folder
    if named:
        raise DataError(f"{environment}={named}: no {needed} in it; it must be the folder of {what}")
    raise DataError(
        f"{what} are missing; `make data-street YES=1` gets them, or set {environment} to their folder"
    )


def _check_present(paths: tuple[Path, ...]) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{missing[0]}: no such photo ({len(missing)} of {len(paths)} are missing); "
            "get the street photos again"
        )
