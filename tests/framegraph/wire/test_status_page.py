"""A process's last words: what it was working on, readable after its death."""

import time
from pathlib import Path

import pytest

from framegraph.packet import Packet
from framegraph.wire.status_page import MAX_WORKING, Status, StatusPage

SOURCES = {"camera": 0, "door": 1}


def packets(count: int) -> list[Packet]:
    return [Packet(source="camera" if seq % 2 == 0 else "door", seq=seq) for seq in range(count)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "detect.0.status"


def test_a_new_page_says_nothing(path: Path) -> None:
    status = StatusPage(path).read()
    assert status == Status(incarnation=0, asked_seq=0)


def test_the_launcher_reads_what_the_process_is_working_on(path: Path) -> None:
    before_s = time.monotonic()
    StatusPage(path).begin(packets(3), SOURCES)
    time.sleep(0.01)
    status = StatusPage(path).read()
    assert status.working == ((0, 0), (1, 1), (0, 2))
    assert status.work_age_s is not None
    assert 0.01 <= status.work_age_s <= time.monotonic() - before_s


def test_after_the_work_nothing_is_being_worked_on_and_it_is_counted(path: Path) -> None:
    page = StatusPage(path)
    for _batch in range(2):
        page.begin(packets(3), SOURCES)
        page.end(3)
    page.progressed(1)
    status = StatusPage(path).read()
    assert status.working == ()
    assert status.work_age_s is None
    assert status.done == 7
    assert status.loop_age_s is not None


def test_a_batch_of_any_size_fits(path: Path) -> None:
    page = StatusPage(path)
    page.begin(packets(MAX_WORKING + 10), SOURCES)
    assert len(page.read().working) == MAX_WORKING
    page.begin([], SOURCES)
    assert page.read().working == ()


def test_a_new_process_takes_the_page_over(path: Path) -> None:
    old = StatusPage(path)
    old.begin(packets(2), SOURCES)
    old.progressed(5)

    StatusPage(path).start(incarnation=4)

    status = old.read()
    assert (status.incarnation, status.done, status.working, status.work_age_s) == (4, 0, (), None)
    assert status.heartbeat_age_s is not None


def test_the_heartbeat_goes_on_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framegraph.wire.status_page.HEARTBEAT_PERIOD_S", 0.01)
    page = StatusPage(path)
    page.start(incarnation=0)
    begun_s, last_s = time.monotonic(), page.read().heartbeat_age_s
    # An age grows, until there is another sign of life.
    while last_s is not None and (now_s := page.read().heartbeat_age_s) is not None and now_s >= last_s:
        assert time.monotonic() < begun_s + 10
        last_s = now_s
        time.sleep(0.005)
    assert last_s is not None


def test_the_launcher_reads_which_frame_a_source_was_asked_for(path: Path) -> None:
    page, before_s = StatusPage(path), time.monotonic()
    page.asked(7)
    first = StatusPage(path).read()
    assert first.asked_seq == 7
    assert first.asked_age_s is not None
    assert 0 <= first.asked_age_s <= time.monotonic() - before_s
    page.alive_until(before_s + 100)
    assert StatusPage(path).read().asked_age_s == pytest.approx(-100, abs=10)
    page.answered()
    assert StatusPage(path).read().asked_age_s is None


def test_how_long_it_took_to_load_is_known_once_it_has(path: Path) -> None:
    page = StatusPage(path)
    assert page.read().ready_after_s is None
    page.ready(1.5)
    assert page.read().ready_after_s == 1.5
