import json

from fashion_pipeline.training.table import main


def test_runs_of_one_kind_make_one_row_and_held_out_ones_none(tmp_path, capsys):
    def record(seed, accuracy, measured_on="test pictures"):
        return {
            "model": "v1",
            "recipe": {"name": "modern", "epochs": 3},
            "seed": seed,
            "accuracy": accuracy,
            "accuracy_with_flip": accuracy + 0.01,
            "ece": 0.02,
            "parameters": 420298,
            "cpu_seconds": 120,
            "measured_on": measured_on,
        }

    records = (
        record(1, 0.92),
        record(0, 0.9),
        record(2, 0.5, "held-out training pictures"),
    )
    for number, entry in enumerate(records):
        (tmp_path / f"{number}.json").write_text(json.dumps(entry))
    assert main([str(tmp_path)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[2:] == [
        "| v1 | modern | 3 | 2 | 91.00 (1.41) | 92.00 | 90.00, 92.00 | 0.020 | 420,298 | 2.0, 2.0 |",
    ]


def test_no_runs_make_an_empty_table(tmp_path, capsys):
    assert main([str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
