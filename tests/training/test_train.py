import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fashion_pipeline.fashion.model_file import ModelFileError, file_digest, load_network, read_info
from fashion_pipeline.training import evaluate, results
from fashion_pipeline.training.batches import Teacher
from fashion_pipeline.training.data import load
from fashion_pipeline.training.devices import Group
from fashion_pipeline.training.evaluate import predict
from fashion_pipeline.training.recipes import changed, recipe_for
from fashion_pipeline.training.runs import Job, TrainingProgress
from fashion_pipeline.training.train import main, parse, require_teachers, run_all

SLICE = Path(__file__).parents[1] / "data" / "fashion-mnist"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def small(small_set, monkeypatch):
    """A small set, and no curves drawn: for what needs several runs. One run with all of it comes first."""
    monkeypatch.setenv("FASHION_MNIST", str(small_set))
    monkeypatch.setattr(results, "draw_curves", lambda *_: None)
    monkeypatch.setattr(results, "draw_confusion", lambda *_: None)
    return load(small_set)


def command(tmp_path, model, *more):
    folders = ["--models", str(tmp_path / "models"), "--results", str(tmp_path / "results")]
    return ["--model", model, "--epochs", "1", "--precision", "float32", *folders, *more]


def run_group(arguments, processes):
    """Run the command by torchrun. OMP_NUM_THREADS: as torchrun itself would set it, without its warning."""
    program = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
    ]
    subprocess.run(
        [*program, "-m", "fashion_pipeline.training.train", *arguments], cwd=ROOT, check=True, timeout=120
    )


def test_a_run_leaves_model_record_log_and_pictures(tmp_path, capsys):
    assert main(command(tmp_path, "v1_da")) == 0
    assert {path.name for path in (tmp_path / "models").iterdir()} == {
        "v1_da.safetensors",
        "v1_da.onnx",
        "v1_da.json",
        "v1_da.curves.png",
        "v1_da.confusion.png",
    }
    info = read_info(tmp_path / "models" / "v1_da.safetensors")
    record = json.loads((tmp_path / "models" / "v1_da.json").read_text())
    assert record == json.loads((tmp_path / "results" / "v1_da-modern-1epochs-seed0.json").read_text())
    assert (info.name, info.network, info.accuracy) == ("v1_da", "v1", record["accuracy"])
    assert info.recipe["epochs"] == 1
    assert record["count"] == 500
    assert record["parameters"] == 420_298
    assert len((tmp_path / "results" / "v1_da-modern-1epochs-seed0.log").read_text().splitlines()) == 1
    assert not list((tmp_path / "checkpoints").iterdir())
    printed = capsys.readouterr().out
    assert "v1_da by modern: about" in printed
    assert "in float32" in printed
    assert "95 % interval" in printed

    assert evaluate.main([str(tmp_path / "models" / "v1_da.safetensors")]) == 0
    assert f"accuracy {info.accuracy:.2%}" in capsys.readouterr().out


def test_a_run_with_held_out_pictures_writes_no_model(tmp_path):
    assert main(command(tmp_path, "v1", "--hold-out", "200")) == 0
    assert not (tmp_path / "models").exists()
    record = json.loads((tmp_path / "results" / "v1-modern-1epochs-seed0-held-out-200.json").read_text())
    assert record["measured_on"] == "held-out training pictures"
    assert (record["count"], record["train_pictures"]) == (200, 800)
    assert record["best_temperature"] > 0


@pytest.mark.usefixtures("small")
def test_a_changed_recipe_has_its_own_record_and_writes_no_model(tmp_path):
    assert main(command(tmp_path, "v1", "--set", "label_smoothing=0")) == 0
    assert not (tmp_path / "models").exists()
    record = json.loads((tmp_path / "results" / "v1-modern-label_smoothing=0-1epochs-seed0.json").read_text())
    assert record["recipe"]["name"] == "modern-label_smoothing=0"
    assert record["recipe"]["label_smoothing"] == 0


def test_damaged_data_and_models_end_in_one_line_and_status_2(tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(SLICE, tmp_path / "set")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"x")
    monkeypatch.setenv("FASHION_MNIST", str(folder))
    assert main(command(tmp_path, "v1")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "t10k-labels-idx1-ubyte.gz: not a whole gzip file" in line
    monkeypatch.setenv("FASHION_MNIST", str(SLICE))
    assert evaluate.main([str(tmp_path / "none.safetensors")]) == 2
    assert "no such model file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("toaster", "no such device"),
        ("meta", "no such device"),
        ("cuda", "torch finds no GPU here"),
        ("cuda:7", "torch finds no GPU here"),
    ],
)
def test_a_device_that_is_not_there_is_one_line(tmp_path, capsys, monkeypatch, device, message):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(command(tmp_path, "v1", "--device", device)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"--device {device}: {message}")
    assert evaluate.main(["none.safetensors", "--device", device]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--models", "--results", "CHECKPOINT_DIR"])
def test_a_folder_that_cannot_be_made_is_one_line_before_the_training(tmp_path, capsys, monkeypatch, option):
    wrong = tmp_path / "file" / "folder"
    wrong.parent.write_text("")
    arguments = command(tmp_path, "v1")
    if option == "CHECKPOINT_DIR":
        monkeypatch.setenv(option, str(wrong))
    else:
        arguments += [option, str(wrong)]
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"{wrong}: cannot be made a folder (Not a directory); give another")
    assert not printed.out


@pytest.mark.usefixtures("small")
def test_a_run_says_first_which_model_it_will_replace(tmp_path, capsys):
    model = tmp_path / "models" / "v1.safetensors"
    model.parent.mkdir()
    model.write_text("")
    for more, is_said in ((["--no-model"], False), ([], True)):
        assert main(command(tmp_path, "v1", *more)) == 0
        said = f"{model} will be replaced; --no-model or another --models folder"
        assert (said in capsys.readouterr().out) is is_said


@pytest.mark.usefixtures("small")
def test_a_run_learns_from_what_another_model_says(tmp_path, capsys):
    taught_by = ["--set", "teacher=v1_da"]
    assert main(command(tmp_path, "v2_da", *taught_by)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("v1_da.safetensors: no such model file; train it (training/README.md)")
    assert main(command(tmp_path, "v1_da")) == 0
    teacher = tmp_path / "models" / "v1_da.safetensors"
    assert main(command(tmp_path, "v2_da", *taught_by)) == 0
    results = tmp_path / "results"
    record = json.loads((results / "v2_da-modern-teacher=v1_da-1epochs-seed0.json").read_text())
    assert record["taught_by"] == file_digest(teacher)
    assert main(command(tmp_path, "v2_da")) == 0
    plain = json.loads((results / "v2_da-modern-1epochs-seed0.json").read_text())
    assert plain["history"][0]["loss"] != record["history"][0]["loss"]


def test_a_teacher_may_be_trained_by_the_same_command(tmp_path, small):
    options = parse(command(tmp_path, "v1_da"))
    taught = Job(
        model="v1", recipe=changed(recipe_for("v1", "modern"), ["teacher=v1_da"]), seed=0, precision="float32"
    )
    teacher = dataclasses.replace(taught, model="v1_da", recipe=recipe_for("v1_da", "modern"))
    require_teachers([teacher, taught], small, options)
    with pytest.raises(ModelFileError, match="no such model file"):
        require_teachers([taught, teacher], small, options)
    epoch = [
        dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, epochs=1))
        for job in (teacher, taught)
    ]
    run_all(epoch, small, Group(rank=0, size=1), options)
    record = json.loads((tmp_path / "models" / "v1.json").read_text())
    assert record["taught_by"] == file_digest(tmp_path / "models" / "v1_da.safetensors")


@pytest.mark.usefixtures("small")
def test_a_stopped_command_trains_no_finished_model_again(tmp_path, monkeypatch):
    arguments = ["--model", "v1", "v1_da", *command(tmp_path, "v1")[2:]]
    trained = []
    real = TrainingProgress.on_epoch

    def on_epoch(self, report):
        trained.append(self.name)
        real(self, report)
        if len(trained) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingProgress, "on_epoch", on_epoch)
    assert main(arguments) == 130
    model = tmp_path / "models" / "v1.safetensors"
    weights = load_network(model).state_dict()
    model.unlink()
    assert main(arguments) == 0
    assert trained == ["v1-modern-1epochs-seed0", "v1_da-modern-1epochs-seed0"]
    assert all(torch.equal(weight, weights[key]) for key, weight in load_network(model).state_dict().items())
    assert not list((tmp_path / "checkpoints").iterdir())
    assert main(arguments) == 0
    assert len(trained) == 4


def test_a_teacher_thinks_what_its_model_file_says(tmp_path, data):
    assert main(command(tmp_path, "v1_da")) == 0
    path = tmp_path / "models" / "v1_da.safetensors"
    teacher = Teacher.load(path, torch.device("cpu"), "float32")
    logits = torch.from_numpy(predict(load_network(path), data.train_images, read_info(path).input))
    scaled = torch.tensor(data.train_images)[:, None] / 255
    found = teacher.probabilities(scaled)
    torch.testing.assert_close(found, logits.softmax(dim=1))
    assert float((found.argmax(1) == torch.from_numpy(data.train_labels)).float().mean()) > 0.3


def test_a_wrong_argument_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="2"):
        main(command(tmp_path, "v9"))
    for wrong in (["--epochs", "0"], ["--hold-out", "0"], ["--seed", "-1"], ["--seed", "99999999999999"]):
        with pytest.raises(SystemExit, match="2"):
            main(["--model", "v1", *wrong])


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_two_processes_train_v1_to_the_same_weights_as_one(tmp_path):
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert main(command(alone, "v1")) == 0
    run_group(command(together, "v1"), processes=2)
    expected = load_network(alone / "models" / "v1.safetensors").state_dict()
    found = load_network(together / "models" / "v1.safetensors").state_dict()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=1e-4, atol=1e-5)
    assert json.loads((together / "models" / "v1.json").read_text())["processes"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("model", ["v2_da", "v3_da_2"])
def test_two_processes_train_a_network_with_batch_norm_and_dropout(tmp_path, model):
    shutil.copytree(ROOT / "models", tmp_path / "models")  # v3 has a teacher
    run_group(command(tmp_path, model, "--no-model"), processes=2)
    record = json.loads((tmp_path / "results" / f"{model}-modern-1epochs-seed0.json").read_text())
    assert record["accuracy"] > 0.2  # twice the chance level after 7 steps; v3: 3
