"""What a stage gives in some frames only has to be completed before anybody takes it for whole."""

import pytest

from framegraph.graph.reader import read_graph
from tests.framegraph.graph.wrong_kit import Write, error_of

GRAPH = """\
stages:
  camera: {type: test_kit.Camera, uri: a.mp4}
  detect: {type: test_kit.Sparse, every: 3}
  follow: {type: test_kit.Follow}
  crop: {type: test_kit.Crop}
  film: {type: test_kit.Film, location: out/film.mp4}
links:
  - camera ! detect ! follow ! crop ! film
"""
LINES = "  lines: {type: test_kit.Film, location: out/lines.jsonl}\nlinks"
SHOW = "  show: {type: test_kit.Preview}\nlinks"
TOO_LATE = ("detect ! follow ! crop ! film", "detect ! crop ! follow ! film")
SAYS = "g.yaml:3:3: stage 'detect' gives 'people' in some frames only (every is 3), and "


def changed(*changes: tuple[str, str]) -> str:
    text = GRAPH
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def test_it_is_right_where_a_stage_behind_it_completes_it(write: Write) -> None:
    assert read_graph(write(GRAPH)).stages["detect"].options.every == 3


def test_nothing_is_missing_where_it_looks_in_every_frame(write: Write) -> None:
    text = changed(("every: 3", "every: 1"), TOO_LATE)
    read_graph(write(text))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            [TOO_LATE],
            "'crop' would take the others for empty; put 'follow' between them",
            id="completed too late",
        ),
        pytest.param(
            [("  follow: {type: test_kit.Follow}\n", ""), ("detect ! follow ! crop", "detect ! crop")],
            "'crop' would take the others for empty; put a stage of type track between them",
            id="completed by nobody",
        ),
        pytest.param(
            [("crop ! film\n", "crop ! film\n  - detect ! lines\n"), ("links", LINES)],
            "'lines' would take the others for empty; put 'follow' between them",
            id="a sink beside the one that completes it",
        ),
        pytest.param(
            [("crop ! film\n", "crop ! film\n  - detect ! show\n"), ("links", SHOW)],
            "'show' would take the others for empty; put 'follow' between them",
            id="a leaky sink",
        ),
    ],
)
def test_it_is_refused_where_somebody_would_take_a_frame_for_empty(
    write: Write, changes: list[tuple[str, str]], said: str
) -> None:
    assert error_of(write(changed(*changes))) == SAYS + said


def test_a_property_on_the_command_line_is_checked_too(write: Write) -> None:
    text = changed(("every: 3", "every: 1"), TOO_LATE)
    assert error_of(write(text), "detect.every=2").startswith(SAYS.replace("3)", "2)"))
