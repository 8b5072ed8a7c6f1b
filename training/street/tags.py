"""From the tag files of Clothing Co-Parsing to tagged.json and tagged/, the form that training reads."""

import json
from pathlib import Path
from typing import Any

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.whole_files import write_whole
from fashion_pipeline.training.data import DataError

LABEL_OF_TAG = {
    "t-shirt": "T-shirt/top",
    "top": "T-shirt/top",
    "pants": "Trouser",
    "jeans": "Trouser",
    "leggings": "Trouser",
    "sweater": "Pullover",
    "sweatshirt": "Pullover",
    "hoodie": "Pullover",
    "jumper": "Pullover",
    "dress": "Dress",
    "coat": "Coat",
    "jacket": "Coat",
    "blazer": "Coat",
    "cape": "Coat",
    "cardigan": "Coat",
    "sandals": "Sandal",
    "shirt": "Shirt",
    "blouse": "Shirt",
    "sneakers": "Sneaker",
    "bag": "Bag",
    "purse": "Bag",
    "boots": "Ankle boot",
}
"""The label that each tag stands for. Skirts, shorts, hats and plain shoes have none."""


def write_tagged(folder: Path) -> int:
    """Write tagged.json, and tagged/ with links to the photos that have tags; return their number.

    folder: holds annotations/image-level/*.mat, label_list.mat and photos/, as the repository does. Raises
    DataError, naming the file, for one that is missing or damaged.
    """
    names = _names(folder / "label_list.mat")
    entries = []
    (folder / "tagged").mkdir(exist_ok=True)
    for path in sorted((folder / "annotations" / "image-level").glob("*.mat")):
        photo = folder / "photos" / f"{path.stem}.jpg"
        if not photo.is_file():
            raise DataError(
                f"{photo}: no such photo, but {path.name} has its tags; get the street photos again"
            )
        tags = _tags(path, names)
        labels = {LABEL_OF_TAG[tag] for tag in tags if tag in LABEL_OF_TAG}
        garments = [{"label": label} for label in LABELS if label in labels]
        entries.append({"photo": photo.name, "tags": tags, "garments": garments})
        link = folder / "tagged" / photo.name
        if not link.exists():
            link.symlink_to(Path("..") / "photos" / photo.name)
    write_whole(folder / "tagged.json", json.dumps(entries).encode())
    return len(entries)


def _names(path: Path) -> list[str]:
    """The words of the tags, by their number; the first, 0, is "null", the background."""
    cells = _read(path, "label_list").ravel()
    names = [str(cell.item()) if getattr(cell, "size", 0) == 1 else "" for cell in cells]
    unknown = sorted(set(LABEL_OF_TAG) - set(names))
    if unknown:
        raise DataError(f"{path}: has no tag '{unknown[0]}'; get the street photos again")
    return names


def _tags(path: Path, names: list[str]) -> list[str]:
    numbers = [int(number) for number in _read(path, "tags").ravel()]
    if not numbers or min(numbers) < 0 or max(numbers) >= len(names):
        raise DataError(
            f"{path}: tags {numbers} are not all among the {len(names)} of label_list.mat; "
            "get the street photos again"
        )
    return [names[number] for number in numbers]


def _read(path: Path, name: str) -> Any:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        return loadmat(path, variable_names=[name])[name]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error}); get the street photos again") from error
    except (KeyError, TypeError, ValueError, MatReadError) as error:
        raise DataError(f"{path}: no '{name}' in it ({error!r}); get the street photos again") from error
