"""What is too old, too much or to be forgotten goes, with all that hangs on it; the rest stays."""

from pathlib import Path

import pytest
import sqlalchemy as sa

import launcher
from fashion_pipeline.store import schema
from fashion_pipeline.store.opening import reading, writing
from fashion_pipeline.store.retention import remove_old, remove_surplus, size_bytes
from tests.store.kit import SECOND_NS, Seen, person

DAY_NS = 24 * 3600 * SECOND_NS
PICTURE = b"face" * 2000


def fill(database: Path, days: int = 4) -> None:
    """A visitor a day, with a picture, and one in a film without a clock."""
    for clock, source in (("wall", "door"), ("film", "tape")):
        seen = Seen(database, source, clock=clock)
        for day in range(days if clock == "wall" else 1):
            seen.frame((day + 1) * DAY_NS, person(day + 1, ("Coat", "red", 0.5, True)))
            (visit,) = [visit for visit in seen.writer.visits.changed if visit.track == day + 1]
            visit.view = 1.0, PICTURE
            seen.commit()
        seen.end()


def rows(database: Path) -> dict[str, int]:
    tables = (schema.visits, schema.visit_garments, schema.best_views, schema.coverage)
    with reading(str(database)) as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in tables
        }


def test_old_visits_go_with_garments_and_pictures_and_coverage_stays(tmp_path: Path) -> None:
    database = tmp_path / "store.db"
    fill(database)
    with writing(str(database)) as connection:
        assert remove_old(connection, 3 * DAY_NS) == 2
    assert rows(database) == {"visits": 3, "visit_garments": 3, "best_views": 3, "coverage": 5}


def test_the_oldest_go_when_it_is_too_much(tmp_path: Path) -> None:
    database = tmp_path / "store.db"
    fill(database, 60)
    with writing(str(database)) as connection:
        full = size_bytes(connection)
        assert remove_surplus(connection, full) == 0
        assert remove_surplus(connection, full // 2) > 0
    with writing(str(database)) as connection:
        assert size_bytes(connection) < full


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["--visit", "1"], 4),
        (["--camera", "door", "--track", "2"], 4),
        (["--camera", "door", "--track", "1"], 4),
    ],
)
def test_who_is_forgotten_leaves_nothing_in_the_file(
    tmp_path: Path, words: list[str], left: int, capsys: pytest.CaptureFixture[str]
) -> None:
    database = tmp_path / "store.db"
    fill(database)
    assert launcher.main(["forget", str(database), *words]) == 0
    assert capsys.readouterr().out == "1 visit erased\n"
    found = rows(database)
    assert (found["visits"], found["visit_garments"], found["best_views"]) == (left, left, left)
    assert launcher.main(["forget", str(database), *words]) == 2
    assert "no such visit; `ask --json` gives" in capsys.readouterr().err


def test_the_picture_of_who_is_forgotten_is_overwritten(tmp_path: Path) -> None:
    database = tmp_path / "store.db"
    seen = Seen(database)
    seen.frame(0, person(1))
    seen.writer.visits.changed[-1].view = 1.0, b"unmistakable"
    seen.commit()
    seen.end()
    assert b"unmistakable" in database.read_bytes()
    assert launcher.main(["forget", str(database), "--visit", "1"]) == 0
    assert not [path for path in tmp_path.iterdir() if b"unmistakable" in path.read_bytes()]


def test_it_has_to_be_said_who(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--camera", "door"], ["--visit", "1", "--camera", "door", "--track", "1"]):
        assert launcher.main(["forget", str(tmp_path / "store.db"), *words]) == 2
        assert "say who is to be forgotten" in capsys.readouterr().err
