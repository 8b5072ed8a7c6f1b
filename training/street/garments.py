"""Measure the shipped model on photos of one garment each: the whole picture to the classifier."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fashion_pipeline.fashion.engines import open_engine
from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.model_lookup import find_street_model
from fashion_pipeline.fashion.preprocessing import to_batch
from fashion_pipeline.fashion.street import cut_look, read_facts
from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.street.data import FOLDERS, LABELS_OF_FOLDER, load_garments
from fashion_pipeline.training.street.people import read_picture

BATCH = 16
NORMAL_95 = 1.96


def garment_report(folder: Path, model: str) -> str:
    """Return what part of the photos of folders FOLDER/NAME of one garment each is told right, as text.

    Only the folders that have a label among the ten count. By the answer for photos of one garment
    ("folders"), and, beside it, by the largest of the ten scores. Raises DataError if a photo, a folder or
    the model is missing.
    """
    photos = load_garments(folder.parent, folder.name)
    known = np.isin(photos.folders, [FOLDERS.index(name) for name in LABELS_OF_FOLDER])
    paths = [path for path, is_known in zip(photos.paths, known, strict=True) if is_known]
    by_folder, by_score = _right(paths, photos.folders[known], model)
    lines = [
        f"single garments {len(paths)}: right {_share(by_folder)}; by the largest of the ten scores "
        f"{_share(by_score)}"
    ]
    for name in LABELS_OF_FOLDER:
        inside = photos.folders[known] == FOLDERS.index(name)
        lines.append(f"  {name:12s} {inside.sum():4d} {by_folder[inside].mean():6.3f}")
    return "\n".join(lines)


def _right(
    paths: Sequence[Path], folders: NDArray[np.int64], model: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether each photo is classified correctly by "folders", and by the scores of the ten labels."""
    facts_path = find_street_model(model)
    if facts_path is None:
        raise DataError(
            f"there is no street model '{model}'; give a name in models/ or the path of its .json"
        )
    look = read_facts(facts_path).look
    engine = open_engine(facts_path.with_suffix(".onnx"))
    by_folder, by_score = [], []
    for start in tqdm(range(0, len(paths), BATCH), "garments", unit="batch", disable=None):
        crops = []
        for path in paths[start : start + BATCH]:
            image_bgr = read_picture(path)
            height, width = image_bgr.shape[:2]
            crop = cut_look(image_bgr, (0, 0, width, height), look)
            assert crop is not None  # the whole picture is never outside itself
            crops.append(crop)
        answers = engine.run({"images": to_batch(crops, look.input)})
        wanted = folders[start : start + BATCH]
        by_folder += (answers["folders"].argmax(1) == wanted).tolist()
        by_score += [
            LABELS[best] in LABELS_OF_FOLDER[FOLDERS[index]]
            for best, index in zip(answers["scores"].argmax(1), wanted, strict=True)
        ]
    return np.array(by_folder), np.array(by_score)


def _share(right: NDArray[np.bool_]) -> str:
    """A share with its 95 % interval (Wilson, 1927)."""
    count, share = len(right), float(right.mean())
    middle = share + NORMAL_95**2 / (2 * count)
    reach = NORMAL_95 * np.sqrt(share * (1 - share) / count + (NORMAL_95 / (2 * count)) ** 2)
    low, high = ((middle + sign * reach) / (1 + NORMAL_95**2 / count) for sign in (-1, 1))
    return f"{share:.3f} ({low:.3f} to {high:.3f})"
