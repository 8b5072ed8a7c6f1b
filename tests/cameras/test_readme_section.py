"""The commands of README's "Attach a camera", typed as they stand; only the addresses are those of cameras here."""

import contextlib
import re
import shlex
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from tests.cameras.film_server import served
from tests.cameras.http_cameras import mjpeg_camera
from tests.cameras.serving import RtspServer
from tests.launching import PROJECT, Launched, film_times, lines, wait_for

FILM = PROJECT / "samples/plaza.mp4"
PASSWORD = "right/word: %"
WEBCAM = Path("/dev/video0")


def commands() -> list[str]:
    text = (PROJECT / "README.md").read_text(encoding="utf-8").partition("## Attach a camera")[2]
    block = text.partition("```sh\n")[2].partition("```")[0].replace("\\\n", " ")
    return re.findall(r"^python launcher\.py (.*)$", block, flags=re.MULTILINE)


@contextlib.contextmanager
def mjpeg_of_the_film() -> Iterator[str]:
    def pictures(_connection: int) -> Iterator[bytes]:
        film = cv2.VideoCapture(str(FILM))
        while (read := film.read())[0]:
            yield bytes(cv2.imencode(".jpg", read[1])[1])

    with mjpeg_camera(pictures, pause_s=0.1) as uri:
        yield uri


def test_there_is_a_command_for_each_kind_of_camera() -> None:
    said = "\n".join(commands())
    assert all(
        word in said for word in ("rtsp://user:${CAM_PASSWORD}@", "protocols=udp", "http://", "/dev/video0")
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", commands())
def test_a_command_attaches_a_camera(tmp_path: Path, command: str) -> None:
    with contextlib.ExitStack() as stack:
        if "rtsp://" in command:
            server = RtspServer(
                "--auth", "digest", "--film", str(FILM), "--size", "640x480", password=PASSWORD
            )
            here = stack.enter_context(server).url(user="user:${CAM_PASSWORD}")
            command = re.sub(r"rtsp://[^\s']+", here, command)
        elif "https://" in command:
            command = re.sub(r"https://\S+", stack.enter_context(served(FILM, has_ranges=True)).uri, command)
        elif "http://" in command:
            command = re.sub(r"http://\S+", stack.enter_context(mjpeg_of_the_film()), command)
        graph, *arguments = shlex.split(command, comments=True)
        run = Launched(PROJECT / graph, *arguments, folder=tmp_path, env={"CAM_PASSWORD": PASSWORD})
        launched = stack.enter_context(run)
        results = tmp_path / "out/results.jsonl"
        if "/film." in command:
            assert launched.wait() == 0, launched.stderr
            assert [record["status"] for record in lines(results)] == ["ok"] * len(film_times(FILM))
            return
        if "/dev/video0" in command and not WEBCAM.exists():
            told = "camera.0     /dev/video0: retrying: not found (No such file or directory); attempt 1"
            wait_for(lambda: told in launched.stderr, "word that it is not there", launched)
        else:
            wait_for(
                lambda: sum(record["status"] == "ok" for record in lines(results)) > 5, "frames", launched
            )
        launched.signal(signal.SIGINT)
        began_s = time.monotonic()
        assert launched.wait() == 130
        assert time.monotonic() - began_s < 30
        assert PASSWORD not in launched.stdout + launched.stderr
    seen = [record for record in lines(results) if record["status"] == "ok"]
    if seen:
        assert len(film_times(tmp_path / "out/annotated.mp4")) >= len(seen)
        assert "latency of camera, from capture to film: p50 " in launched.stdout
        assert any(record["people"] for record in seen)
