"""The default graph on the sample film, run as a user runs it: once, looked at from all sides."""

import json
from pathlib import Path

import av
import pytest

from fashion_pipeline.fashion.labels import LABELS
from tests.launching import PROJECT, Launched, film_times, lines, seqs, wait_for

SAMPLE = PROJECT / "samples" / "plaza.mp4"


def mapped_files(pid: int) -> str:
    """The files in a process's memory, in small letters."""
    return Path(f"/proc/{pid}/maps").read_text().lower()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    with Launched(PROJECT / "pipeline.yaml", "--set", f"camera.uri={SAMPLE}", folder=folder) as run:
        wait_for(lambda: lines(folder / "out/results.jsonl"), "the first record", run)
        mapped = {child.name(): mapped_files(child.pid) for child in run.children()}
        mapped["launcher"] = mapped_files(run.process.pid)
        (folder / "mapped.json").write_text(json.dumps(mapped))
        assert run.wait() == 0, run.stderr
        assert not run.children()
        assert not list(run.temporary.glob("framegraph-*/*"))
        (folder / "summary.txt").write_text(run.stdout)
    run_id = lines(folder / "out/results.jsonl")[0]["run"]
    assert not list(Path("/dev/shm").glob(f"{run_id}-*"))
    return folder


def test_every_frame_of_the_film_is_in_both_outputs_once_and_in_order(finished: Path) -> None:
    times = film_times(SAMPLE)
    records = lines(finished / "out/results.jsonl")
    assert seqs(records) == list(range(len(times)))
    assert film_times(finished / "out/annotated.mp4") == pytest.approx(times, abs=1e-4)
    assert [record["pts_ns"] / 1e9 for record in records] == pytest.approx(times, abs=1e-6)
    assert {record["status"] for record in records} == {"ok"}


def test_the_annotated_film_is_what_browsers_play(finished: Path) -> None:
    with av.open(str(finished / "out/annotated.mp4")) as film, av.open(str(SAMPLE)) as sample:
        stream, original = film.streams.video[0], sample.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.width, stream.height) == (original.width, original.height)
        assert stream.average_rate == original.average_rate
        assert float(film.duration or 0) == pytest.approx(float(sample.duration or 0), abs=1e5)
    head = (finished / "out/annotated.mp4").read_bytes()
    # One plain file with its index in front, no fragments.
    assert head.find(b"moov") < head.find(b"mdat")
    assert b"moof" not in head


def test_people_are_found_in_every_frame_and_keep_their_numbers(finished: Path) -> None:
    records = lines(finished / "out/results.jsonl")
    assert min(len(record["people"]) for record in records) >= 1
    # Nine people come and go, five or six at a time.
    assert sum(len(record["people"]) for record in records) > 5 * len(records)
    assert len({person["track"] for record in records for person in record["people"]}) <= 14
    assert sum(bool(person["garments"]) for record in records for person in record["people"]) > 100
    for record in records:
        width, height = record["size_wh"]
        for person in record["people"]:
            x0, y0, x1, y1 = person["box"]
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
            for garment in (*person["garments"], *person["unsure"]):
                assert garment["label"] in LABELS
                left, top, right, bottom = garment["box"]
                assert x0 - 0.2 <= left < right <= x1 + 0.2
                assert y0 - 0.2 <= top < bottom <= y1 + 0.2
                assert 0 <= garment["score"] <= 1
            assert "crops" not in person


def test_each_person_has_one_answer_from_few_looks(finished: Path) -> None:
    records = lines(finished / "out/results.jsonl")
    people = [(record["seq"], person) for record in records for person in record["people"]]
    looks = sum(person.get("classified_at_seq") == seq for seq, person in people)
    assert 0 < looks < len(people) / 3
    assert {person["series"] for _seq, person in people} == {0}
    answered: dict[int, int] = {}
    for seq, person in people:
        # Nobody who was looked at is without an answer afterwards, and no look is forgotten.
        assert person["looks"] >= answered.get(person["track"], 0)
        answered[person["track"]] = person["looks"]
        assert person["settled"] == (person["looks"] >= 3)
        assert person.get("classified_at_seq", seq) <= seq
    summary = (finished / "summary.txt").read_text()
    assert f"distinct people, by track number: classified {len(answered)}\n" in summary
    last = {person["track"]: person for _seq, person in people}
    coats = sum(garment["label"] == "Coat" for person in last.values() for garment in person["garments"])
    assert f"Coat {coats}" in summary.partition("garments, by person: ")[2].splitlines()[0]


def test_the_ledger_balances_and_the_summary_names_what_was_written(finished: Path) -> None:
    ledger = json.loads((finished / "out/ledger.json").read_text())
    count = len(film_times(SAMPLE))
    assert ledger["balanced"] is True
    assert ledger["sources"]["camera"] == {
        "captured": count,
        "delivered": count,
        "dropped": {},
        "failed": {},
        "in_flight": 0,
    }
    summary = (finished / "summary.txt").read_text()
    for said in (
        "annotated.mp4",
        "results.jsonl",
        "ledger.json",
        "frames/s",
        "people:",
        "first committed frame",
    ):
        assert said in summary
    assert "no sound: the input has none" in summary


def test_pixels_stay_where_the_source_put_them(finished: Path) -> None:
    links = json.loads((finished / "out/ledger.json").read_text())["links"]
    frame_bytes = 768 * 576 * 3
    for stage in ("camera", "detect", "track", "classify", "settle"):
        assert 0 < links[stage]["bytes_per_packet"] < frame_bytes / 100
    # What crop sends is the crops, of those who are looked at.
    records = lines(finished / "out/results.jsonl")
    looks = sum(
        person.get("classified_at_seq") == record["seq"] for record in records for person in record["people"]
    )
    crop_bytes = 192 * 384 * 3 * looks / len(records)
    assert links["crop"]["bytes_per_packet"] == pytest.approx(crop_bytes, rel=0.1)


def test_no_process_loads_what_its_stage_does_not_use(finished: Path) -> None:
    mapped = json.loads((finished / "mapped.json").read_text())
    assert len(mapped) == 9
    for name, files in mapped.items():
        for library in ("torch", "tensorflow", "onnxruntime", "scipy", "matplotlib"):
            is_loaded = f"site-packages/{library}/" in files
            assert is_loaded == ((name, library) == ("track.0", "scipy")), f"{name}: {library}"
    assert "openvino" in mapped["detect.0"]
    assert "openvino" not in mapped["film.0"]
    assert "/cv2/" not in mapped["results.0"]
