"""--set: what is taken, what is refused; passwords there and in the graph file."""

from pathlib import Path

import pytest

from framegraph.errors import GraphError
from framegraph.graph.reader import read_graph
from tests.framegraph.graph.conftest import RIGHT
from tests.framegraph.graph.wrong_kit import Write, changed, error_of


@pytest.mark.parametrize(
    ("override", "said"),
    [
        pytest.param(
            "camera.uri", "expected STAGE.PROPERTY=VALUE, e.g. --set source.uri=FILE", id="no value"
        ),
        pytest.param("uri=x", "expected STAGE.PROPERTY=VALUE, e.g. --set source.uri=FILE", id="no stage"),
        pytest.param(".uri=x", "expected STAGE.PROPERTY=VALUE, e.g. --set source.uri=FILE", id="empty stage"),
        pytest.param("cam.uri=x", "there is no stage 'cam'; did you mean 'camera'?", id="unknown stage"),
        pytest.param(
            "camera.ur=x", "stage 'camera': unknown property 'ur'; did you mean 'uri'?", id="unknown property"
        ),
        pytest.param(
            "detect.confidence=2",
            "stage 'detect', property 'confidence': must be at most 1, got 2",
            id="bad value",
        ),
        pytest.param(
            "detect.replicas=",
            "stage 'detect', property 'replicas': expected a whole number or auto, got ''",
            id="empty value",
        ),
        pytest.param(
            "detect.replicas=2.5",
            "stage 'detect', property 'replicas': expected a whole number or auto, got 2.5",
            id="half a replica",
        ),
        pytest.param(
            'camera.uri="a\\0.mp4"',
            "stage 'camera', property 'uri': expected text without NUL, which no path can hold, "
            "got 'a\\x00.mp4'",
            id="NUL",
        ),
        pytest.param(
            "detect.type=detct",
            "stage 'detect': unknown stage type 'detct'; did you mean 'detect'?",
            id="bad type",
        ),
        pytest.param(
            "camera.uri=${NOT_SET_ANYWHERE}",
            "the environment has no NOT_SET_ANYWHERE; set it, e.g. export NOT_SET_ANYWHERE=…",
            id="unknown variable",
        ),
    ],
)
def test_an_override_that_is_wrong(write: Write, override: str, said: str) -> None:
    assert error_of(write(RIGHT), override) == f"--set {override}: {said}"


@pytest.mark.parametrize(
    "uri",
    [
        "b.mp4",
        "rtsp://user@host/x",
        "*.jpg",
        "[x",
        "C:\\film.mp4",
        "part 1: at home.mp4",
        "take #3.mp4",
        "&a b.mp4",
    ],
)
def test_an_override_takes_any_text_as_it_stands(write: Write, uri: str) -> None:
    assert read_graph(write(RIGHT), [f"camera.uri={uri}"]).stages["camera"].options.uri == uri


@pytest.mark.parametrize(
    "uri",
    ["rtsp://user:word@host/x", "rtsp://user:${NAME}word@host/x", "http://host/video?password=word"],
)
def test_a_password_on_the_command_line_is_refused_with_the_remedy(write: Write, uri: str) -> None:
    said = error_of(write(RIGHT), f"camera.uri={uri}")
    assert "'http://user:${PASSWORD}@host/…'" in said
    assert "word@" not in said
    assert "password=word" not in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("uri: a.mp4", "uri: 'rtsp://user:word@host/x'", id="a camera"),
        pytest.param("location: out/film.mp4", "location: 'mqtt://user:word@host'", id="a broker"),
    ],
)
def test_a_password_in_a_graph_file_is_refused_with_the_remedy(write: Write, old: str, new: str) -> None:
    path = write(changed(old, new))
    said = error_of(path)
    assert said.startswith(f"{path}:")
    assert "a password in a graph file can be read by all who get it; put it into a variable" in said
    assert "'http://user:${PASSWORD}@host/…'" in said
    assert "word@" not in said
    assert error_of(write(changed(old, new.replace("word", "${NOT_SET}")))).endswith("export NOT_SET=…")


def test_a_password_comes_from_a_variable_or_a_file_with_any_sign_in_it(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAM_PASSWORD", "a@b/c:d %")
    secret = tmp_path / "secret"
    secret.write_text("a@b/c:d %\n")
    for name in ("CAM_PASSWORD", f"file:{secret}"):
        graph = read_graph(write(RIGHT), [f"camera.uri=rtsp://me:${{{name}}}@host/x"])
        assert graph.stages["camera"].options.uri == "rtsp://me:a%40b%2Fc%3Ad%20%25@host/x"
    said = error_of(write(RIGHT), f"camera.uri=rtsp://me:${{file:{tmp_path}/none}}@host/x")
    assert said.endswith(
        "none cannot be read: No such file or directory; name a file with the value in its first line"
    )


def test_another_password_is_the_same_graph(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = set()
    for password in ("first-word", "second-word"):
        monkeypatch.setenv("CAM_PASSWORD", password)
        digests.add(read_graph(write(RIGHT), ["camera.uri=rtsp://me:${CAM_PASSWORD}@host/x"]).digest)
    assert len(digests) == 1


def test_the_last_override_of_a_property_counts(write: Write) -> None:
    graph = read_graph(write(RIGHT), ["detect.replicas=2", "detect.replicas=3"])
    assert graph.stages["detect"].replicas == 3


def test_an_error_inside_a_users_module_is_the_users_to_see(write: Write, folder: Path) -> None:
    (folder / "broken_kit.py").write_text("import no_such_library_at_all\n")
    with pytest.raises(
        GraphError, match=r"importing broken_kit raises .*no_such_library_at_all.*broken_kit.py:1"
    ):
        read_graph(write(changed("test_kit.Detect", "broken_kit.Blur")))
