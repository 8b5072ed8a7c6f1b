"""The interface common to all engines."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class InputInfo:
    """One input of a model: its shape, with None for sides that the file leaves open, and the name of numpy's
    dtype."""

    shape: tuple[int | None, ...]
    dtype: str


class Engine(Protocol):
    """A loaded model. Use it from one thread."""

    name: str
    path: Path
    """The file that it runs."""
    device: str
    """ "cpu", "cuda:N", or "openvino:" and a device of OpenVINO's."""
    precision: str
    """Its precision."""
    inputs: dict[str, InputInfo]

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Run the model on named, contiguous arrays and return its named outputs, which are the caller's."""


def first_line(error: Exception) -> str:
    """Return the most informative line of a library's message: the last one with words."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
