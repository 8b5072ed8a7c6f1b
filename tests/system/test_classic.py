"""The classic way: pipeline-classic.yaml with each model of Fashion-MNIST's that lies in models/."""

from pathlib import Path

import pytest

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.model_lookup import check_model
from tests.launching import PROJECT, Launched, film_times, lines, seqs

FRAMES = 10
MODELS = sorted(path.stem for path in (PROJECT / "models").glob("v*.safetensors"))


def digest_of(model: str) -> str:
    _path, _info, digest = check_model(model, needs_onnx=True)
    return digest


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_each_person_has_one_label_of_the_named_model(model: str, tmp_path: Path) -> None:
    settings = {
        "camera.uri": PROJECT / "samples/plaza.mp4",
        "camera.duration": FRAMES / 10,
        "crop.model": model,
        "classify.model": model,
        "film.location": "out/film.mp4",
        "results.location": "out/results.jsonl",
    }
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    with Launched(PROJECT / "pipeline-classic.yaml", *words, folder=tmp_path) as run:
        assert run.wait() == 0, run.stderr
        summary = run.stdout + run.stderr

    records = lines(tmp_path / "out/results.jsonl")
    assert seqs(records) == list(range(FRAMES))
    assert len(film_times(tmp_path / "out/film.mp4")) == FRAMES
    people = [person for record in records for person in record["people"]]
    assert len(people) > FRAMES
    for person in people:
        (garment,) = person["garments"]
        assert garment["label"] in LABELS and 0.1 <= garment["score"] <= 1
        assert garment["box"] == person["box"] and not person["unsure"]
    assert {record["model"]["classify"] for record in records} == {f"sha256:{digest_of(model)}"}
    assert "garments by frame" in summary
