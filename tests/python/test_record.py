"""What is made of records: pictures, detections, tables, people; and where a graph gets its app_sink."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion_pipeline import STAGES
from fashion_pipeline.python.people import People
from fashion_pipeline.python.record import Record
from fashion_pipeline.python.run import _text_of
from fashion_pipeline.python.tables import COLUMNS, to_pandas
from fashion_pipeline.python.with_sink import read_with_input, with_app_sink
from fashion_pipeline.stages.app_sink import READER
from framegraph.errors import GraphError
from framegraph.graph.reader import read_graph_argument
from framegraph.graph.registry import add_library
from framegraph.graph.yaml_text import node_from_text
from tests.launching import PROJECT
from tests.system.graphs import cheap_graph


def person(track: int, *labels: str, **more: Any) -> dict[str, Any]:
    garments = [{"label": label, "score": 0.75, "color": "red"} for label in labels]
    return {"box": [10.0, 10.0, 40.0, 90.0], "score": 0.5, "track": track, "garments": garments, **more}


def frame(seq: int, *people: dict[str, Any], **more: Any) -> Record:
    record = {"source": "camera", "seq": seq, "pts_ns": seq * 10**9, "status": "ok", "people": list(people)}
    return Record({**record, **more})


FAILED = Record({"source": "camera", "seq": 3, "pts_ns": 3 * 10**9, "status": "failed(detect)"})
DROPPED = Record({"source": "camera", "from_seq": 4, "to_seq": 9, "status": "leaky"})


def test_a_record_is_shown_with_its_people_in_square_pixels() -> None:
    record = frame(0, person(1, "Coat"), pixel_aspect_ratio=[2, 1])
    record.image_bgr = np.full((120, 80, 3), (10, 60, 200), np.uint8)
    shown = record.show()
    assert shown.size == (160, 120)
    assert shown.getpixel((0, 0)) == (200, 60, 10)
    assert len(shown.getcolors(10**5) or ()) > 2
    assert (record.image_bgr == (10, 60, 200)).all()


def test_a_record_without_a_picture_says_how_to_get_one() -> None:
    with pytest.raises(ValueError, match=r"frame 0 of camera: no picture came .*run with pictures=True"):
        frame(0).show()
    with pytest.raises(
        ValueError, match=r"frames 4 to 9 of camera: no picture came .*dropped frames have none"
    ):
        DROPPED.show()


def test_people_are_detections() -> None:
    found = frame(0, person(7, "Coat", "Bag"), person(8)).to_supervision()
    assert found.xyxy.tolist() == [[10, 10, 40, 90]] * 2
    assert found.tracker_id is not None
    assert found.tracker_id.tolist() == [7, 8]
    assert [len(garments) for garments in found.data["garments"]] == [2, 0]
    assert len(frame(0).to_supervision()) == 0
    for unknown in (FAILED, DROPPED):
        with pytest.raises(ValueError, match=r"not analysed \(.*\), so it has no detections"):
            unknown.to_supervision()


def test_a_table_has_a_row_for_each_garment_and_for_what_has_none() -> None:
    table = to_pandas([frame(0, person(7, "Coat", "Bag"), person(8)), frame(1), FAILED, DROPPED])
    assert tuple(table.columns) == COLUMNS
    assert table["label"].fillna("").tolist() == ["Coat", "Bag", "", "", "", ""]
    assert table["track"].fillna(-1).tolist() == [7, 7, 8, -1, -1, -1]
    assert table["seq"].fillna(-1).tolist() == [0, 0, 0, 1, 3, -1]
    assert table["status"].tolist() == ["ok"] * 4 + ["failed(detect)", "leaky"]


def test_a_table_without_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'fashion-pipeline\[pandas\]'"):
        to_pandas([])


def test_people_are_kept_with_what_they_wear_once_it_is_settled() -> None:
    people = People()
    for record in (
        frame(0, person(7, "Bag", settled=False)),
        frame(1, person(7, "Coat", settled=True), person(8)),
        FAILED,
        frame(5, person(7, "Dress", settled=False)),
    ):
        people.see(record)
    first, second = people
    assert (first.track, first.first_seq, first.last_seq, first.frames) == (7, 0, 5, 3)
    assert [garment["label"] for garment in first.garments] == ["Coat"]
    assert first.settled
    assert (second.track, second.first_seq, second.garments, second.settled) == (8, 1, [], False)


@pytest.mark.parametrize(
    "value", ["yes", "a: b", "2s", "é\n\"'", 3, 0.5, 1e-7, 1e22, True, ["cpu", "cuda:0"], "*.jpg", "5"]
)
def test_a_property_reaches_the_graph_as_it_is(value: Any) -> None:
    assert node_from_text(_text_of("a.b", value), "place").plain() == value


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    add_library(STAGES)
    monkeypatch.chdir(PROJECT)
    monkeypatch.setenv(READER, "ipc:///tmp/records")


@pytest.mark.usefixtures("reader")
def test_the_sink_is_added_where_the_records_are(tmp_path: Path) -> None:
    graph = with_app_sink(read_graph_argument(str(cheap_graph(tmp_path, ordered=True))), pictures=True)
    assert graph.upstream("records") == ["tally"]
    assert graph.stages["records"].options.pictures
    own = read_graph_argument("source uri=samples/plaza.mp4 ! detect ! app_sink name=mine")
    assert with_app_sink(own, pictures=False) is own


@pytest.mark.usefixtures("reader")
def test_a_graph_that_leaves_it_open_is_refused() -> None:
    split = "source uri=samples/plaza.mp4 name=s ! detect name=d ! csv_sink location=a.csv  s. ! video_sink location=a.mkv"
    with pytest.raises(
        GraphError, match=r"which records of 's' are meant\? its sinks are behind d, s; link a"
    ):
        with_app_sink(read_graph_argument(split), pictures=False)
    twice = "source uri=samples/plaza.mp4 ! detect name=d ! app_sink  d. ! app_sink"
    with pytest.raises(GraphError, match="more than one app_sink: app_sink0, app_sink1; leave one"):
        with_app_sink(read_graph_argument(twice), pictures=False)


@pytest.mark.usefixtures("reader")
def test_an_input_goes_to_the_only_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = str(PROJECT / "samples/plaza.mp4")
    with monkeypatch.context() as elsewhere:
        # Where the graph's own input is not.
        elsewhere.chdir(tmp_path)
        for graph in (str(PROJECT / "pipeline.yaml"), "source name=camera ! json_sink location=a.jsonl"):
            assert read_with_input(graph, film, []).stages["camera"].options.uri == film
    with pytest.raises(GraphError, match=r"no\.yaml: no such file"):
        read_with_input("no.yaml", film, [])
    with pytest.raises(GraphError, match=r"has the sources north, south; .* e\.g\. 'north.uri', and run"):
        read_with_input("examples/two_cameras.yaml", film, [])
