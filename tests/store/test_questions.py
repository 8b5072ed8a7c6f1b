"""What is asked for is found, best first; what was not analysed is not known."""

import datetime
import json
import zoneinfo
from pathlib import Path
from typing import Any

import pytest

import launcher
from fashion_pipeline.store.asking import Question, ask
from fashion_pipeline.store.counting import Count, count, spans
from fashion_pipeline.store.opening import reading
from framegraph.errors import GraphError
from tests.store.kit import SECOND_NS, Seen, person

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
HOUR_NS = 3600 * SECOND_NS


def at_ns(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()) * SECOND_NS


NOON = at_ns("2026-11-30T12:00")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "store.db"
    door = Seen(path)
    door.see(
        NOON,
        person(1, ("Coat", "red", 0.5, True)),
        person(2, ("Coat", "red", 0.9, False)),
        person(3, ("Coat", "red and black", 0.7, True)),
        person(4, ("Pullover", "red", 0.8, True)),
        person(5, ("Coat", "blue", 0.99, True), ("Pullover", "red", 0.3, False)),
        person(6),
    )
    door.see(NOON + 9 * SECOND_NS, person(1, ("Coat", "red", 0.5, True)))
    door.see(NOON + 2 * HOUR_NS, person(7, ("Coat", "red", 0.4, True)))
    door.end()
    hall = Seen(path, "hall")
    hall.see(NOON + 1, person(1, ("Coat", "red", 0.6, True)))
    hall.end()
    return path


def found(database: Path, **asked: Any) -> list[tuple[str, int]]:
    with reading(str(database)) as connection:
        return [(each.camera, each.track) for each in ask(connection, Question(**asked), 20)]


def test_those_told_come_before_those_unsure_and_before_what_is_alike(database: Path) -> None:
    everybody = [("door", 3), ("hall", 1), ("door", 1), ("door", 7), ("door", 2), ("door", 4)]
    assert found(database, garment="coat", color="RED") == everybody
    assert found(database, garment="Coat", color="red", camera="hall") == [("hall", 1)]
    assert found(database, garment="coat")[0] == ("door", 5)
    assert len(found(database)) == 8


def test_times_and_lengths_bound_what_is_found(database: Path) -> None:
    hour = {"clock": "wall", "from_ns": NOON, "to_ns": NOON + HOUR_NS}
    assert ("door", 7) not in found(database, garment="coat", color="red", **hour)
    assert len(found(database, garment="coat", color="red", **hour)) == 5
    assert found(database, min_s=5.0) == [("door", 1)]
    assert found(database, clock="film") == []
    # A visit that began before it is in it too.
    late = {"clock": "wall", "from_ns": NOON + 5 * SECOND_NS, "to_ns": NOON + HOUR_NS}
    assert found(database, **late) == [("door", 1)]


def test_a_word_that_nobody_wears_is_an_error_that_says_which_there_are(database: Path) -> None:
    for asked, said in (
        ({"garment": "coet"}, "garment 'coet' is not known; did you mean 'coat'.*there are: Coat, Pullover"),
        ({"color": "reed"}, "color 'reed' is not known; did you mean 'red'"),
        ({"camera": "dor"}, "camera 'dor' is not known; did you mean 'door'"),
    ):
        with pytest.raises(GraphError, match=said):
            found(database, **asked)


def counts(database: Path, by: str, **asked: Any) -> list[Count]:
    whole = {"clock": "wall", "from_ns": NOON, "to_ns": NOON + 3 * HOUR_NS, **asked}
    with reading(str(database)) as connection:
        return count(connection, Question(**whole), by, BERLIN)


def test_an_hour_that_was_not_analysed_is_not_known(database: Path) -> None:
    hours = [(each.name, each.people) for each in counts(database, "hour")]
    assert hours == [
        ("2026-11-30 12:00 +0100", 7),
        ("2026-11-30 13:00 +0100", None),
        ("2026-11-30 14:00 +0100", 1),
    ]
    assert [each.people for each in counts(database, "camera")] == [7, 1]
    assert {each.name: each.people for each in counts(database, "garment")} == {"Coat": 5, "Pullover": 1}
    assert {each.name: each.people for each in counts(database, "color")} == {
        "red": 4,
        "blue": 1,
        "red and black": 1,
    }
    assert [each.people for each in counts(database, "camera", garment="coat", color="red")] == [3, 1]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_has_as_many_hours_as_its_clocks_say(day: str, hours: int) -> None:
    begin_ns = at_ns(f"{day}T00:00")
    (whole,) = spans(begin_ns, begin_ns + 1, "day", "wall", BERLIN)
    assert (whole[2] - whole[1]) / HOUR_NS == hours
    each = list(spans(begin_ns, whole[2], "hour", "wall", BERLIN))
    assert len(each) == hours
    assert len({name for name, *_ in each}) == hours
    assert [end_ns for _name, _begin_ns, end_ns in each[:-1]] == [
        start_ns for _name, start_ns, _end in each[1:]
    ]


def test_the_commands_print_what_was_found(
    database: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [
        "--garment",
        "coat",
        "--color",
        "red",
        "--from",
        "2026-11-30T12:00+01:00",
        "--to",
        "2026-11-30T13:00+01:00",
    ]
    assert launcher.main(["ask", str(database), *words, "--limit", "2"]) == 0
    out = capsys.readouterr().out
    assert "door #3  0.0 s  red and black Coat 70%" in out
    assert "ffplay -ss" in out
    assert "of the time asked for was analysed" in out
    assert launcher.main(["ask", str(database), *words, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert [visit["track"] for visit in plain["visits"]] == [3, 1, 1, 2, 4]
    assert 0 < plain["analysed"] < 0.1
    assert launcher.main(["counts", str(database), "--by", "camera", "--csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "camera,people,analysed"
    assert launcher.main(["counts", str(database), "--from", "13:00", "--to", "12:00"]) == 2
    assert "--from is not before --to" in capsys.readouterr().err
    assert launcher.main(["ask", str(database), "--from", "noon"]) == 2
    assert "--from noon: is no time; write 12:00" in capsys.readouterr().err
    assert launcher.main(["ask", str(database), "--film-time", "--from", "1:xx"]) == 2
    assert "is no time in a film" in capsys.readouterr().err


def test_results_of_an_earlier_run_are_imported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = {"version": 1, "run": "r", "source": "camera"}
    frame = {**head, "epoch": 0, "attempt": 0, "capture_time_ns": 5, "uri": "film.mp4", "size_wh": [9, 9]}
    lines = [{**frame, "seq": seq, "pts_ns": seq, "status": "ok", "people": [person(1)]} for seq in range(3)]
    lines.append({**head, "from_seq": 3, "to_seq": 4, "status": "leaky"})
    path, database = tmp_path / "results.jsonl", tmp_path / "store.db"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for said in ("3 frames written", "0 frames written, 3 were there"):
        assert launcher.main(["import", str(path), "--into", str(database)]) == 0
        assert said in capsys.readouterr().out
    assert found(database) == [("camera", 1)]
    path.write_text(path.read_text() + '{"cut')
    assert launcher.main(["import", str(path), "--into", str(database)]) == 2
    assert f"{path}:5: is no record of a json_sink" in capsys.readouterr().err
