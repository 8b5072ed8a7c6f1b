"""All that is wrong with a graph is told at once, each mistake with its place and once; and YAML's traps."""

from pathlib import Path

import pytest

import launcher
from framegraph.errors import GraphError
from framegraph.graph.common import COMMON
from framegraph.graph.problems import Problems
from framegraph.graph.reader import read_graph
from framegraph.properties import field_names
from tests.framegraph.graph.conftest import RIGHT
from tests.framegraph.graph.wrong_kit import Write, changed, error_of
from tests.launching import Launched

WRONG = """\
stages:
  camera: {type: test_kit.Camera, uri: a.mp4, strat: 5}
  detect: {type: test_kit.Detect, confidence: 1.5}
  crop: {type: test_kit.Crop}
  film: {type: test_kit.Film, location: out/film.mp4}
links:
  - camera ! detect ! crop ! flim
"""
SAID = [
    "g.yaml:2:47: stage 'camera': unknown property 'strat'; did you mean 'start'?",
    "g.yaml:3:47: stage 'detect', property 'confidence': must be at most 1, got 1.5",
    "g.yaml:7:5: there is no stage 'flim'; did you mean 'film'?",
]


def mistakes_of(path: Path, *overrides: str) -> list[str]:
    return error_of(path, *overrides).splitlines()


@pytest.mark.parametrize("more", [[], ["--check"], ["--draw", "svg"]], ids=["a run", "check", "draw"])
def test_three_mistakes_in_three_places_are_told_by_three_lines(
    write: Write, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    assert launcher.main([str(write(WRONG)), *more]) == 2
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [f"launcher: {line}" for line in SAID]
    assert printed.out == ""


def test_wrong_names_hide_nothing(write: Write) -> None:
    path = write(
        "pipelin: test\n"
        "stages:\n"
        "  camera: {type: test_kit.Camera, uri: a.mp4}\n"
        "  2detect: {type: test_kit.Detect, confidence: 1.5}\n"
        "  crop: 5\n"
        "  film: {type: test_kit.Flim, location: out/film.mp4}\n"
        "links:\n"
        "  - camera ! 2detect ! crop ! film\n"
    )
    told = mistakes_of(path)
    assert [line.partition(": ")[2] for line in told][:4] == [
        "unknown key 'pipelin'; did you mean 'pipeline'?",
        "stage name '2detect': use a letter, then letters, digits, - or _, 32 at most",
        "stage 'crop' must be a map of names to values, found a number",
        "stage '2detect', property 'confidence': must be at most 1, got 1.5",
    ]
    assert told[4].startswith("g.yaml:6:16: stage 'film': ")
    assert len(told) == 5


@pytest.mark.parametrize("power", ["1e-3", "5e0", "1.5e3"])
def test_a_power_that_yaml_takes_for_text_is_told_with_the_remedy(write: Write, power: str) -> None:
    told = error_of(write(WRONG.replace("confidence: 1.5", f"confidence: {power}")))
    assert f"expected a number, got '{power}'; YAML takes a power without point and sign for text" in told


def test_a_user_sees_them_so(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(
        "stages:\n"
        "  camera: {type: source, uri: none.mp4}\n"
        "  detect: {type: detect, nms: 2, confidense: 0.5}\n"
        "  results: {type: json_sink, location: out/results.jsonl, rotate: 5}\n"
        "links: [camera ! detect ! results]\n"
    )
    with Launched(Path("g.yaml"), folder=tmp_path) as run:
        assert run.wait() == 2
        assert run.stdout == ""
        told = run.stderr.splitlines()
    assert [line.split(": ")[1] for line in told] == [
        "g.yaml:2:3",
        "g.yaml:3:34",
        "g.yaml:3:31",
        "g.yaml:4:3",
    ]
    assert all(line.startswith("launcher: g.yaml:") for line in told)
    assert not (tmp_path / "out").exists()


RIGHT_WORDS = {"strat: 5": "start: 5", "confidence: 1.5": "confidence: 0.5", "flim": "film"}


@pytest.mark.parametrize("left", [[], ["strat: 5"], ["confidence: 1.5"], ["flim"], ["strat: 5", "flim"]])
def test_who_mends_a_mistake_is_told_the_others_with_the_same_words(write: Write, left: list[str]) -> None:
    text = WRONG
    for wrong, right in RIGHT_WORDS.items():
        text = text if wrong in left else text.replace(wrong, right)
    path = write(text)
    expected = [said for wrong, said in zip(RIGHT_WORDS, SAID, strict=True) if wrong in left]
    if expected:
        assert mistakes_of(path) == expected
    else:
        read_graph(path)


# Where mistakes can be


def test_mistakes_of_one_stage_are_all_told(write: Write) -> None:
    text = changed("Detect}", "Detect, confidence: high, engine: opnvino, replicas: 0, colour: red}")
    assert [line.split(": ", 2)[2] for line in mistakes_of(write(text))] == [
        "unknown property 'colour'; known are: " + known_properties(),
        "expected a number, got 'high'",
        "is not known; did you mean 'openvino'?, got 'opnvino'",
        "must be at least 1, got 0",
    ]


def known_properties() -> str:
    return ", ".join(sorted([*field_names(COMMON["worker"]), "confidence", "engine", "type"]))


def test_a_stage_of_an_unknown_type_does_not_hide_the_mistakes_of_others(write: Write) -> None:
    text = changed("test_kit.Crop", "test_kit.Corp").replace("Detect}", "Detect, confidence: 2}")
    found = mistakes_of(write(text))
    assert [line.split(": ")[0] for line in found] == ["g.yaml:4:47", "g.yaml:5:16"]


def test_what_follows_from_a_mistake_is_not_told(write: Write) -> None:
    """Without its type nobody knows what a stage takes: only the type is wrong."""
    assert len(mistakes_of(write(changed("test_kit.Detect", "detct")))) == 1
    assert len(mistakes_of(write(changed("uri: a.mp4", "uri: [a]")))) == 1
    assert len(mistakes_of(write(changed("crop ! film\n", "crop ! flim\n")))) == 1


def test_the_same_word_in_two_places_is_told_for_each(write: Write) -> None:
    text = changed("out/film.mp4}", "out/film.mp4, sise: 1}").replace("lines.jsonl}", "lines.jsonl, sise: 1}")
    found = mistakes_of(write(text))
    assert [line.split(": ")[0] for line in found] == ["g.yaml:6:55", "g.yaml:7:59"]


def test_links_that_are_wrong_are_all_told(write: Write) -> None:
    text = RIGHT + "  - crop ! nowhere\n  - alone\n  - crop ! lines\n"
    assert [line.split(": ")[0] for line in mistakes_of(write(text))] == [
        f"g.yaml:{n}:5" for n in (11, 12, 13)
    ]


def test_unknown_keys_are_all_told(write: Write) -> None:
    text = "pipelin: x\n" + RIGHT + "leger: y\n"
    assert mistakes_of(write(text)) == [
        "g.yaml:1:1: unknown key 'pipelin'; did you mean 'pipeline'?",
        "g.yaml:12:1: unknown key 'leger'; did you mean 'ledger'?",
    ]


def test_values_that_yaml_misreads_are_all_told(write: Write) -> None:
    text = changed("a.mp4}", "2025-01-01, start: 12:30:00}").replace(
        "Detect}", "Detect, confidence: ${X:-y}}"
    )
    found = mistakes_of(write(text.replace("${X:-y}", "'${X:-y}'")))
    assert [line.split(": ")[0] for line in found] == ["g.yaml:3:40", "g.yaml:3:59", "g.yaml:4:47"]


def test_a_value_that_several_places_share_is_told_once(write: Write) -> None:
    text = changed("a.mp4}", "&n 010}").replace("out/film.mp4", "*n").replace("out/lines.jsonl", "*n")
    assert [line.split(": ")[0] for line in mistakes_of(write(text))] == ["g.yaml:3:40"]


def test_overrides_and_the_file_are_told_together(write: Write) -> None:
    overrides = ("detect.confidence=7", "camera", "nobody.x=1", "detect.engine=opnvino")
    found = mistakes_of(write(changed("Detect}", "Detect, replicas: 0}")), *overrides)
    assert [line.split(": ")[0] for line in found] == [
        "--set camera",
        "--set nobody.x=1",
        "--set detect.confidence=7",
        "--set detect.engine=opnvino",
        "g.yaml:4:45",
    ]


def test_locations_that_are_wrong_are_all_told(write: Write, folder: Path) -> None:
    (folder / "file").touch()
    text = changed("out/film.mp4", "file/film.mp4").replace("out/lines.jsonl", "/dev/full")
    found = mistakes_of(write(text + "ledger: file/x/ledger.json\n"))
    assert [line.split(": ")[0] for line in found] == ["g.yaml", "g.yaml:6:3", "g.yaml:7:3"]


def test_caps_and_locations_are_told_together(write: Write, folder: Path) -> None:
    (folder / "file").touch()
    text = changed("detect ! crop ! film", "crop ! detect ! film").replace(
        "- crop ! lines", "- detect ! lines"
    )
    found = mistakes_of(write(text.replace("out/film.mp4", "file/film.mp4")))
    assert [line.split(": ")[0] for line in found] == ["g.yaml:5:3", "g.yaml:6:3"]


def test_problems_are_collected_once_each_and_raised_together() -> None:
    problems = Problems()
    problems.raise_if_any()
    for text in ("one", "two", "one"):
        with problems.catch():
            raise GraphError(text)
    with pytest.raises(GraphError) as caught:
        problems.raise_if_any()
    assert caught.value.problems == ["one", "two"]
    with problems.catch():
        problems.raise_if_any()
    assert problems.found == ["one", "two"]
    with pytest.raises(ZeroDivisionError), problems.catch():
        raise ZeroDivisionError


# Merge keys


def test_what_is_merged_is_read_as_if_it_stood_there(write: Write) -> None:
    text = RIGHT.replace(
        "detect: {type: test_kit.Detect}",
        "detect: &common {type: test_kit.Detect, confidence: 0.25, replicas: 2}",
    )
    text = text.replace(
        "  crop: {type: test_kit.Crop}", "  crop: {<<: *common, type: test_kit.Crop, confidence: 0.75}"
    )
    text = text.replace("test_kit.Crop,", "test_kit.Detect,")
    graph = read_graph(write(text))
    assert graph.stages["detect"].options.confidence == 0.25
    assert graph.stages["crop"].options.confidence == 0.75
    assert graph.stages["crop"].replicas == 2


def test_of_several_that_are_merged_the_first_one_counts(write: Write) -> None:
    text = changed(
        "detect: {type: test_kit.Detect}",
        "detect: &a {type: test_kit.Detect, confidence: 0.1}\n"
        "  other: &b {type: test_kit.Detect, confidence: 0.2, engine: openvino}\n"
        "  third: {<<: [*a, *b]}",
    ).replace("camera ! detect ! crop", "camera ! detect ! other ! third ! crop")
    options = read_graph(write(text)).stages["third"].options
    assert (options.confidence, options.engine) == (0.1, "openvino")


def test_a_merged_value_may_stand_before_or_behind_its_own(write: Write) -> None:
    for own in ("{<<: *common, confidence: 0.75}", "{confidence: 0.75, <<: *common}"):
        text = changed("crop: {type: test_kit.Crop}", f"crop: {own}").replace(
            "detect: {type: test_kit.Detect}", "detect: &common {type: test_kit.Detect, confidence: 0.25}"
        )
        assert read_graph(write(text)).stages["crop"].options.confidence == 0.75


def test_a_mistake_in_what_is_merged_is_told_where_it_stands(write: Write) -> None:
    text = changed(
        "detect: {type: test_kit.Detect}", "detect: &common {type: test_kit.Detect, confidence: 3}"
    )
    text = text.replace("crop: {type: test_kit.Crop}", "crop: {<<: *common}")
    found = mistakes_of(write(text))
    assert all(line.startswith("g.yaml:4:55: ") for line in found)
    assert [line.split("'")[1] for line in found] == ["detect", "crop"]


@pytest.mark.parametrize("what", ["5", "text", "[1, 2]"])
def test_what_is_no_map_cannot_be_merged(write: Write, what: str) -> None:
    [said] = mistakes_of(write(changed("{type: test_kit.Crop}", f"{{type: test_kit.Crop, <<: {what}}}")))
    assert said.startswith("g.yaml:5:")
    assert "what << merges must be a map of names to values" in said


def test_what_merges_itself_is_refused(write: Write) -> None:
    said = error_of(write(changed("crop: {type: test_kit.Crop}", "crop: &x {type: test_kit.Crop, <<: *x}")))
    assert said == "g.yaml: an anchor refers to itself; write the values out"


# What YAML makes of a word


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a.mp4", "'${HOME:-x}'", "3:40: '${HOME:-…}' is of a shell; here a variable is ${HOME}, and it has to be set: export HOME=…"),
        ("a.mp4", "'${HOME-x}'", "3:40: '${HOME-…}' is of a shell; here a variable is ${HOME}"),
        ("a.mp4", "'${HOME:?no}/b.mp4'", "3:40: '${HOME:?…}' is of a shell"),
        ("a.mp4", "yes", "3:40: stage 'camera', property 'uri': expected text, got True; YAML reads yes, no, on and off as true and false: put the word into quotes"),
        ("a.mp4", "off", "3:40: stage 'camera', property 'uri': expected text, got False; YAML reads yes, no, on and off"),
        ("Detect}", "Detect, engine: on}", "4:43: stage 'detect', property 'engine': expected text, got True; YAML reads yes, no, on"),
        ("Detect}", "Detect, confidence: no}", "4:47: stage 'detect', property 'confidence': expected a number, got False; YAML"),
        ("a.mp4}", "a.mp4, start: 12:30:00}", "3:54: YAML reads 12:30:00 as 45000, because it counts in sixties; put text into quotes, and write a time as 45000s"),
        ("a.mp4}", "a.mp4, start: 1:30.5}", "3:54: YAML reads 1:30.5 as 90.5, because it counts in sixties; put text into quotes, and write a time as 90.5s"),
        ("a.mp4", "010", "3:40: YAML reads 010 as 8, because it counts in eights; quote text, write a number without 0"),
        ("Detect}", "Detect, replicas: 010}", "4:45: YAML reads 010 as 8, because it counts in eights"),
        ("a.mp4", "2025-06-30", "3:40: YAML reads 2025-06-30 as a date; put text into quotes"),
        ("a.mp4", "2025-06-30T12:00:00Z", "3:40: YAML reads 2025-06-30T12:00:00Z as a date; put text into quotes"),
        ("pipeline: test", "pipeline: 2025-06-30", "1:11: YAML reads 2025-06-30 as a date; put text into quotes"),
    ],
)  # fmt: skip
def test_a_trap_of_yaml_is_named_with_its_remedy(write: Write, old: str, new: str, said: str) -> None:
    [told] = mistakes_of(write(changed(old, new)))
    assert told.startswith(f"g.yaml:{said}")


@pytest.mark.parametrize(
    "uri", ["yes", "010", "12:30:00", "2025-06-30", "1_000", "~", "null", "0x1F", "1e3", "<<", "true"]
)
def test_quotes_are_the_remedy(write: Write, uri: str) -> None:
    assert read_graph(write(changed("a.mp4", f"'{uri}'"))).stages["camera"].options.uri == uri


@pytest.mark.parametrize(
    ("text", "value"), [("0.5", 0.5), ("0", 0.0), ("1", 1.0), ("1.0e-1", 0.1), ("0.10", 0.1)]
)
def test_a_usual_number_is_no_trap(write: Write, text: str, value: float) -> None:
    graph = read_graph(write(changed("Detect}", f"Detect, confidence: {text}}}")))
    assert graph.stages["detect"].options.confidence == value


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("camera.uri=010", "YAML reads 010 as 8, because it counts in eights; quote text"),
        ("camera.start=12:30:00", "YAML reads 12:30:00 as 45000, because it counts in sixties"),
        ("camera.uri=${HOME:-x}", "'${HOME:-…}' is of a shell"),
        ("camera.uri=2025-06-30", "YAML reads 2025-06-30 as a date"),
    ],
)
def test_a_trap_on_the_command_line_is_named_too(write: Write, override: str, said: str) -> None:
    [told] = mistakes_of(write(RIGHT), override)
    assert told.startswith(f"--set {override}: {said}")


def test_an_unset_variable_is_told_beside_other_mistakes(write: Write) -> None:
    text = changed("a.mp4", "'${NOT_SET_ANYWHERE}'").replace("Detect}", "Detect, confidence: 2}")
    found = mistakes_of(write(text))
    assert (
        found[0]
        == "g.yaml:3:40: the environment has no NOT_SET_ANYWHERE; set it, e.g. export NOT_SET_ANYWHERE=…"
    )
