"""What a wheel holds besides modules is listed in pyproject.toml: a file that is new must be listed, or left out here."""

import fnmatch
import os
import tomllib
from pathlib import Path

import pytest

from tests.launching import PROJECT

PACKAGES = ("framegraph", "fashion_pipeline")
LEFT_OUT = (
    "fashion_pipeline/models/*.png",
    "fashion_pipeline/models/v3*",
    "fashion_pipeline/models/weights/*",
    "fashion_pipeline/training/results/*",
    "fashion_pipeline/training/README.md",
    "fashion_pipeline/training/street/README.md",
)
"""Pictures and figures for readers of the project, and what somebody has downloaded or tried."""


def files(package: str) -> list[Path]:
    """Every file of a package, through its links, relative to the project."""
    return [
        Path(folder, name).relative_to(PROJECT)
        for folder, _folders, names in os.walk(PROJECT / package, followlinks=True)
        for name in names
        if "__pycache__" not in folder
    ]


def listed() -> dict[str, list[Path]]:
    """{pattern: the files that it puts into a wheel}, relative to the project."""
    setup = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    return {
        f"{package}: {pattern}": [
            path.relative_to(PROJECT) for path in (PROJECT / package.replace(".", "/")).glob(pattern)
        ]
        for package, patterns in setup["package-data"].items()
        for pattern in patterns
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_a_file_that_is_no_module_is_in_a_wheel_or_left_out_on_purpose(package: str) -> None:
    in_wheel = {path for paths in listed().values() for path in paths}
    unknown = [
        str(path)
        for path in files(package)
        if path.suffix != ".py"
        and path not in in_wheel
        and not any(fnmatch.fnmatch(str(path), pattern) for pattern in LEFT_OUT)
    ]
    assert not unknown


def test_each_pattern_finds_a_file() -> None:
    assert not [pattern for pattern, paths in listed().items() if not paths]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_of_modules_is_a_package(package: str) -> None:
    """Another one would not be in a wheel."""
    folders = {path.parent for path in files(package) if path.suffix == ".py"}
    assert not [str(folder) for folder in folders if not (PROJECT / folder / "__init__.py").is_file()]
