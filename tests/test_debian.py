"""What is needed of the system: it is installed where that may be, said where it may not, and skips are explained."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import debian
from tests.debian import packages_in, table
from tests.launching import PROJECT

INSTALL = "apt-get install --yes --no-install-recommends"


class Machine:
    """A copy of the script and its table, and commands of its own instead of the machine's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        self._bin = folder / "bin"
        self._bin.mkdir()
        (folder / "requirements").mkdir()
        shutil.copy(PROJECT / "requirements/debian.sh", folder / "requirements")
        (folder / "there.so.1").touch()
        self.table(
            "# group | package | a file that shows that it is there | what for",
            f"test  | here      | {folder}/there.so.*   | something",
            f"test  | alpha     | {folder}/alpha        | something",
            f"test  | beta      | {folder}/*/beta       | something else",
            f"train | gamma     | {folder}/gamma        | something",
            f"run   | here      | {folder}/there.so.1   | something",
        )
        # What the script itself needs, and nothing else: not the machine's own apt-get or sudo.
        for command in ("bash", "dirname", "grep"):
            where = shutil.which(command)
            assert where is not None
            (self._bin / command).symlink_to(where)
        self.user(0)

    def table(self, *rows: str) -> None:
        (self.folder / "requirements/debian.txt").write_text("\n".join(rows) + "\n")

    def has(self, name: str, script: str = "") -> None:
        """Give the machine a command, which notes what it is asked."""
        path = self._bin / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!/usr/bin/env bash\necho "{name} $*" >> {self.log}\n{script}\n')
        path.chmod(0o755)

    def user(self, number: int) -> None:
        path = self._bin / "id"
        path.unlink(missing_ok=True)
        path.write_text(f"#!/usr/bin/env bash\necho {number}\n")
        path.chmod(0o755)

    def make(self, group: str) -> tuple[str, str]:
        """Run the script, which never fails, and return what it says (output, errors)."""
        done = subprocess.run(
            ["bash", str(self.folder / "requirements/debian.sh"), group],
            cwd="/",
            env={"PATH": str(self._bin)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# requirements/debian.sh


def test_root_installs_what_is_missing_and_is_told_before(machine: Machine) -> None:
    machine.has("apt-get")
    out, err = machine.make("test")
    assert out == "make: installing Debian packages that make test needs, as root: alpha beta\n"
    assert err == ""
    assert machine.asked == [
        "apt-get update -qq",
        f"{INSTALL} alpha beta -qq",
    ]


def test_it_is_said_before_it_is_done(machine: Machine) -> None:
    machine.has("apt-get", 'echo "apt-get is at work" >&2')
    done = subprocess.run(
        ["bash", "-c", f"PATH={machine.folder}/bin bash {machine.folder}/requirements/debian.sh test 2>&1"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.splitlines()[0].startswith("make: installing Debian packages")
    assert "apt-get is at work" in done.stdout.splitlines()[1]


def test_a_user_who_may_installs_by_sudo(machine: Machine) -> None:
    machine.user(1000)
    machine.has("apt-get")
    machine.has("sudo")
    out, err = machine.make("test")
    assert out == "make: installing Debian packages that make test needs, by sudo: alpha beta\n"
    assert err == ""
    assert machine.asked == [
        "sudo -n true",
        "sudo apt-get update -qq",
        f"sudo DEBIAN_FRONTEND=noninteractive {INSTALL} alpha beta -qq",
    ]


@pytest.mark.parametrize("sudo", [None, "exit 1"], ids=["no sudo", "sudo that wants a password"])
def test_a_user_who_may_not_is_told_the_command(machine: Machine, sudo: str | None) -> None:
    machine.user(1000)
    machine.has("apt-get")
    if sudo is not None:
        machine.has("sudo", sudo)
    out, err = machine.make("test")
    assert out == ""
    assert err == (
        f"make: make test needs Debian packages that are not here; to install them: sudo {INSTALL} alpha beta\n"
    )
    assert "apt-get" not in "".join(machine.asked)


def test_a_system_without_apt_get_is_told_the_names(machine: Machine) -> None:
    out, err = machine.make("test")
    assert (out, err) == (
        "",
        "make: no apt-get here; what make test needs of the system is called in Debian: alpha beta\n",
    )


@pytest.mark.parametrize("group", ["run", "nothing-of-this-name"])
def test_where_everything_is_there_nothing_is_said_or_done(machine: Machine, group: str) -> None:
    machine.has("apt-get")
    assert machine.make(group) == ("", "")
    assert machine.asked == []


def test_what_comes_later_is_seen_and_the_other_groups_are_left_alone(machine: Machine) -> None:
    machine.has("apt-get")
    (machine.folder / "alpha").touch()
    assert machine.make("test")[0].endswith("as root: beta\n")
    (machine.folder / "some").mkdir()
    (machine.folder / "some/beta").touch()
    assert machine.make("test") == ("", "")
    assert machine.make("train")[0].endswith("make train needs, as root: gamma\n")


@pytest.mark.parametrize("failing", ["update", "install"])
@pytest.mark.parametrize("user", [0, 1000], ids=["root", "sudo"])
def test_an_apt_get_that_fails_is_said_and_fails_nothing(machine: Machine, failing: str, user: int) -> None:
    machine.user(user)
    script = (
        f'for word; do [[ $word == {failing} ]] && {{ echo "E: no network" >&2; exit 100; }}; done; exit 0'
    )
    machine.has("apt-get", script)
    machine.has("sudo", script)
    out, err = machine.make("test")
    assert out.startswith("make: installing Debian packages")
    assert err == "E: no network\nmake: that failed\n"


def test_the_table_is_written_as_both_its_readers_take_it() -> None:
    rows = [line for line in debian.TABLE.read_text().splitlines() if not line.startswith("#")]
    fields = [[field.strip() for field in row.split("|")] for row in rows]
    assert all(len(row) == 4 and all(row) for row in fields)
    assert [row[1] for row in fields] == list(table()), "each package once"
    makefile = (PROJECT / "Makefile").read_text()
    for group in {row[0] for row in fields}:
        assert f"$(DEBIAN) {group}" in makefile


# tests/debian.py


@pytest.fixture
def small_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "there.so.1").touch()
    known = {"here": f"{tmp_path}/there.so.*", "alpha": f"{tmp_path}/alpha", "beta": f"{tmp_path}/*/beta"}
    monkeypatch.setattr(debian, "table", lambda: known)
    monkeypatch.delenv("CI", raising=False)


@pytest.mark.usefixtures("small_table")
@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (["alpha"], "needs the Debian package alpha"),
        (["here", "alpha"], "needs the Debian package alpha"),
        (["alpha", "here", "beta"], "needs the Debian packages alpha beta"),
    ],
)
def test_a_test_is_skipped_by_the_name_of_what_is_missing(wanted: list[str], reason: str) -> None:
    with pytest.raises(pytest.skip.Exception) as skipped:
        debian.needs(*wanted)
    assert skipped.value.msg == reason
    assert packages_in(reason) == [name for name in wanted if name != "here"]


@pytest.mark.usefixtures("small_table")
def test_a_test_whose_packages_are_there_is_not_skipped() -> None:
    debian.needs("here")
    debian.needs()


@pytest.mark.usefixtures("small_table")
@pytest.mark.parametrize(("ci", "error"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_where_all_has_to_be_installed_what_is_missing_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, ci: str, error: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    # Another outcome than the one that is wanted would be taken for that of this test.
    with pytest.raises((pytest.fail.Exception, pytest.skip.Exception)) as caught:
        debian.needs("alpha", "beta")
    assert (caught.type, str(caught.value)) == (error, "needs the Debian packages alpha beta")
    debian.needs("here")


def test_a_name_that_is_not_in_the_table_is_a_mistake_of_the_test() -> None:
    with pytest.raises(KeyError):
        debian.needs("no-such-package")


@pytest.mark.parametrize(
    "reason", ["", "needs a GPU", "Skipped: could not import 'torch'", "needs the Debian"]
)
def test_other_reasons_name_no_package(reason: str) -> None:
    assert packages_in(reason) == []


@pytest.mark.parametrize(
    "workers", [[], pytest.param(["-n", "1"], marks=pytest.mark.slow)], ids=["alone", "with workers"]
)
def test_the_last_lines_of_a_test_run_name_the_packages_and_the_command(
    tmp_path: Path, workers: list[str]
) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    for name in ("__init__.py", "conftest.py", "debian.py"):
        shutil.copy(PROJECT / "tests" / name, tests)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/debian.txt").write_text(
        f"test | alpha | {tmp_path}/none/alpha | x\ntest | beta | {tmp_path}/none/beta | y\n"
    )
    (tests / "test_some.py").write_text(
        "import pytest\n"
        "from tests.debian import needs\n"
        "def test_one(): needs('beta', 'alpha')\n"
        "def test_two(): needs('beta')\n"
        "@pytest.fixture\n"
        "def broker(): needs('beta')\n"
        "def test_three(broker): pass\n"
        "def test_four(): pytest.skip('not today')\n"
        "def test_five(): pass\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:timeout",
            *workers,
            "tests",
        ],
        cwd=tmp_path,
        env={
            name: value
            for name, value in os.environ.items()
            if name != "CI" and not name.startswith("PYTEST")
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = [line for line in done.stdout.splitlines() if line][-3:]
    assert "3 tests were skipped: they need Debian packages that are not here" in last
    assert "to run them too: sudo apt-get install alpha beta" in last
    assert "1 passed, 4 skipped" in done.stdout
