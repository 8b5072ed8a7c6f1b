"""The table of people: what its rows say, and that it can be cut back at any frame."""

import csv
from pathlib import Path

import pytest

from fashion_pipeline.stages.csv_sink import CsvSink
from fashion_pipeline.stages.records.table import COLUMNS
from framegraph.packet import OK, Packet
from framegraph.properties import read_options
from framegraph.stage import Context, Cut


def make_sink() -> CsvSink:
    return CsvSink(read_options(CsvSink.Options, {"location": "unused"}), Context(name="table"))


def packet(seq: int, *people: dict[str, object], status: str = OK) -> Packet:
    return Packet(
        source="camera", seq=seq, pts_ns=seq * 40_000_000, status=status, meta={"people": list(people)}
    )


def person(*labels: str, **more: object) -> dict[str, object]:
    garments = [{"label": label, "score": 0.8, "region": "upper", "box": [0, 0, 1, 1]} for label in labels]
    return {"box": [1.0, 2.0, 30.5, 80.0], "score": 0.97, "garments": garments, **more}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_no_frame_at_all_is_a_table_without_rows(tmp_path: Path) -> None:
    sink = make_sink()
    sink.open_at(tmp_path / "table.csv", None)
    sink.finish()
    assert (tmp_path / "table.csv").read_text().split(",")[0] == "source"
    assert rows(tmp_path / "table.csv") == []
    assert CsvSink.count(tmp_path / "table.csv") == 0


def test_each_person_has_a_row_and_nobody_is_not_the_same_as_not_analysed(tmp_path: Path) -> None:
    sink, path = make_sink(), tmp_path / "table.csv"
    sink.open_at(path, None)
    sink.process(packet(0, person("Coat", "Trouser", track=7), person()))
    sink.process(packet(1))
    sink.dropped(packet(5), 2, 4, "leaky")
    sink.process(packet(5, status="failed"))
    sink.finish()
    sink.close()
    both, bare, nobody, dropped, failed = rows(path)
    assert set(both) == set(COLUMNS)
    assert both | {"pts_s": ""} == {
        **dict.fromkeys(COLUMNS, ""),
        **{"source": "camera", "seq": "0", "status": "ok", "person": "0", "track": "7"},
        **{"x0": "1.0", "y0": "2.0", "x1": "30.5", "y1": "80.0", "score": "0.97"},
        **{"label": "Coat", "label_score": "0.8", "region": "upper", "garments": "Coat;Trouser"},
        **{"garment_scores": "0.8;0.8", "garment_regions": "upper;upper", "garment_colors": ";"},
    }
    assert (bare["person"], bare["label"], bare["track"]) == ("1", "", "")
    assert (nobody["seq"], nobody["status"], nobody["person"]) == ("1", "ok", "")
    assert nobody["pts_s"] == "0.040000"
    assert (dropped["seq"], dropped["status"]) == ("2-4", "leaky")
    assert (failed["seq"], failed["status"], failed["person"]) == ("5", "failed", "")
    assert CsvSink.count(path) == 3


def test_a_frame_in_which_nobody_looked_for_people_is_told_from_others(tmp_path: Path) -> None:
    sink, path = make_sink(), tmp_path / "table.csv"
    sink.open_at(path, None)
    made = [packet(0, person()), packet(1, person(detected_at_seq=0)), packet(2)]
    for one in made[1:]:
        one.meta["is_predicted"] = True
    for one in made:
        sink.process(one)
    sink.close()
    assert [(row["status"], row["person"]) for row in rows(path)] == [
        ("ok", "0"),
        ("predicted", "0"),
        ("predicted", ""),
    ]


@pytest.mark.parametrize("cut_after", [0, 1, 3])
def test_a_table_cut_back_and_gone_on_with_is_a_whole_table(cut_after: int, tmp_path: Path) -> None:
    packets = [packet(seq, person("Coat"), person("Bag")) for seq in range(5)]
    whole, cut_path = tmp_path / "whole.csv", tmp_path / "cut.csv"
    sink = make_sink()
    sink.open_at(whole, None)
    for made in packets:
        sink.process(made)
    first = make_sink()
    first.open_at(cut_path, None)
    for made in packets[:cut_after]:
        first.process(made)
    cut = first.position()
    for made in packets[cut_after : cut_after + 2]:
        first.process(made)
    first.close()
    second = make_sink()
    second.open_at(cut_path, Cut(size_bytes=cut.size_bytes, notes=cut.notes))
    for made in packets[cut_after:]:
        second.process(made)
    second.sync()
    assert cut_path.read_bytes() == whole.read_bytes()


def test_frames_out_of_order_are_found(tmp_path: Path) -> None:
    sink = make_sink()
    sink.open_at(tmp_path / "table.csv", None)
    sink.process(packet(1))
    sink.process(packet(0))
    with pytest.raises(ValueError, match="out of order"):
        CsvSink.count(tmp_path / "table.csv")
