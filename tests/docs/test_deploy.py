"""The examples in deploy/ name files that exist and arguments that the launcher takes."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.launching import PROJECT
from tests.system.test_wheel import SOURCES

DEPLOY = PROJECT / "deploy"
ENVIRONMENT = {"CAMERA_URI": "samples/plaza.mp4", "INVOCATION_ID": "0123abcd"}


def check(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "launcher.py", *arguments, "--check"],
        cwd=PROJECT,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def instructions() -> list[list[str]]:
    """The lines of the Dockerfile as words, with continued lines joined and comments left out."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def settings() -> dict[str, str]:
    """The settings of the systemd unit."""
    text = (DEPLOY / "fashion-pipeline.service").read_text(encoding="utf-8").replace("\\\n", " ")
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def copied() -> list[str]:
    """What the Dockerfile copies from the project."""
    copies = [words[1:-1] for words in instructions() if words[0] == "COPY"]
    return [word for words in copies if not words[0].startswith("--from=") for word in words]


def test_the_image_is_made_of_files_that_exist() -> None:
    assert [name for name in copied() if not (PROJECT / name).exists()] == []
    assert {name.strip("/") for name in copied()} >= set(SOURCES)


def test_what_the_image_takes_is_not_ignored() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert not {word.partition("/")[0] for word in copied()} & set(ignored)


def test_the_image_starts_the_default_graph_as_no_root() -> None:
    last = {words[0]: words[1:] for words in instructions()}
    assert yaml.safe_load(" ".join(last["ENTRYPOINT"])) == ["fashion-pipeline"]
    check(yaml.safe_load(" ".join(last["CMD"])))
    assert last["USER"] == ["10001"]


def test_compose_builds_this_image_and_its_command_is_right() -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["pipeline"]
    assert (DEPLOY / service["build"]["context"]).resolve() == PROJECT
    assert (PROJECT / service["build"]["dockerfile"]).is_file()
    check([word.replace("$$", "$") for word in service["command"]])


def test_the_unit_starts_what_the_launcher_takes(tmp_path: Path) -> None:
    words = shlex.split(settings()["ExecStart"].replace("$$", "$"))
    assert words[0].startswith("/")
    assert words[1] == "launcher.py"
    state = f"/var/lib/{settings()['StateDirectory']}"
    assert state in settings()["ExecStart"]
    check([word.replace(state, str(tmp_path)) for word in words[2:]])


@pytest.mark.parametrize(("status", "again"), [(0, False), (1, True), (2, False), (3, False), (143, False)])
def test_the_unit_starts_again_only_where_that_helps(status: int, again: bool) -> None:
    """What the launcher's exit statuses mean stands in docs/guarantees.md and framegraph/view/summary.py."""
    unit = settings()
    assert unit["Restart"] == "on-failure"
    is_success = status == 0 or str(status) in unit["SuccessExitStatus"].split()
    is_prevented = str(status) in unit["RestartPreventExitStatus"].split()
    assert (not is_success and not is_prevented) is again
