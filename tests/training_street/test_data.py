"""Missing and damaged data is one clear error."""

import json
from typing import Any

import numpy as np
import pytest

from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.street.data import (
    clothing_folder,
    label_matrix,
    load_garments,
    load_tagged,
    street_folder,
)


def test_missing_folders_name_the_remedy(monkeypatch, tmp_path):
    monkeypatch.delenv("CLOTHING_DATA", raising=False)
    monkeypatch.setenv("STREET_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"STREET_DATA=.*: no tagged.json in it"):
        street_folder()
    monkeypatch.setattr("fashion_pipeline.training.street.data.DOWNLOAD_FOLDER", tmp_path)
    with pytest.raises(DataError, match=r"`make data-street YES=1` gets them, or set CLOTHING_DATA"):
        clothing_folder()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not JSON"),
        ("[]", "expected a list of photos"),
        ('[{"photo": "a.jpg"}]', "entry 0 has no 'photo' and list of 'garments'"),
        ('[{"photo": "a.jpg", "garments": [{"label": "Hat"}]}]', "a.jpg: label 'Hat' is not of the ten"),
        ('[{"photo": "a.jpg", "garments": []}]', r"a.jpg: no such photo \(1 of 1 are missing\)"),
    ],
)
def test_a_damaged_list_says_where(tmp_path, text, message):
    (tmp_path / "tagged.json").write_text(text)

    with pytest.raises(DataError, match=message):
        load_tagged(tmp_path)


def test_an_empty_folder_of_garments_is_named(tmp_path):
    with pytest.raises(DataError, match=r"train/dress: no \*\.jpg here"):
        load_garments(tmp_path, "train")


def test_photos_come_in_the_order_of_their_names(tmp_path):
    (tmp_path / "tagged").mkdir()
    entries: list[dict[str, Any]] = [
        {"photo": "2.jpg", "tags": ["hat"], "garments": [{"label": "Coat"}]},
        {"photo": "1.jpg", "tags": [], "garments": []},
    ]
    for entry in entries:
        (tmp_path / "tagged" / entry["photo"]).write_bytes(b"")
    (tmp_path / "tagged.json").write_text(json.dumps(entries))

    photos = load_tagged(tmp_path)

    assert [path.name for path in photos.paths] == ["1.jpg", "2.jpg"]
    assert np.array_equal(photos.labels, label_matrix(entries)[::-1])
    assert photos.tag_names == ()  # a tag of one photo teaches nothing
