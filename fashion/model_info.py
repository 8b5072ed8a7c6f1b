"""The metadata of model files, and the checks on them. Needs no torch."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from fashion_pipeline.fashion.labels import check_labels
from fashion_pipeline.fashion.networks import NETWORKS
from fashion_pipeline.fashion.preprocessing import InputSpec

FORMAT_VERSION = "1"
KEYS = (
    "version",
    "name",
    "network",
    "labels",
    "input",
    "accuracy",
    "temperature",
    "recipe",
    "data_digest",
    "created_by",
)


class ModelFileError(ValueError):
    """A model file that is missing, damaged, or not one of ours. One line, beginning with the path."""


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """The metadata of a model file.

    accuracy: on the 10,000 test pictures, 0..1. temperature: what to divide the logits by before the softmax,
    so that its scores are honest. recipe: how it was trained, every setting. data_digest: sha256 over the
    training data. created_by: library name to version.
    """

    name: str
    network: str
    labels: tuple[str, ...]
    input: InputSpec
    accuracy: float
    temperature: float
    recipe: Mapping[str, Any]
    data_digest: str
    created_by: Mapping[str, str]

    def to_metadata(self) -> dict[str, str]:
        """Return the info as the strings of a safetensors header."""
        return {
            "version": FORMAT_VERSION,
            "name": self.name,
            "network": self.network,
            "labels": json.dumps(self.labels),
            "input": json.dumps(self.input.to_plain()),
            "accuracy": json.dumps(self.accuracy),
            "temperature": json.dumps(self.temperature),
            "recipe": json.dumps(dict(self.recipe), sort_keys=True),
            "data_digest": self.data_digest,
            "created_by": json.dumps(dict(self.created_by), sort_keys=True),
        }


def read_info(path: Path | str) -> ModelInfo:
    """Read and check the metadata of a model file; needs no torch and reads only the header.

    Raises ModelFileError if the file is missing, is not a safetensors file or is cut off, lacks metadata, has
    labels that cannot be some, an unknown network, or an input that its network cannot take.
    """
    path = Path(path)
    try:
        # Refuses a header that contradicts itself, and tensors that do not fill the file.
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: no such model file; train it (training/README.md)") from error
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error}") from error
    except SafetensorError as error:
        raise ModelFileError(
            f"{path}: not a safetensors file, or damaged: {error}; install the package, or train it, again"
        ) from error
    if not metadata:
        raise ModelFileError(f"{path}: has no metadata, so it is not a model of this project")
    try:
        info = _info_from(metadata)
        check_info(info)
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from error
    return info


def check_info(info: ModelInfo) -> None:
    """Raise ValueError, naming the property, if labels, network and input do not fit together and us."""
    check_labels(info.labels)
    if info.network not in NETWORKS:
        raise ValueError(f"unknown network {info.network!r}; known are {', '.join(NETWORKS)}")
    facts = NETWORKS[info.network]
    if (info.input.color, info.input.size_wh) != (facts.color, facts.size_wh):
        found = f"{info.input.color} {info.input.size_wh[0]}x{info.input.size_wh[1]}"
        taken = f"{facts.color} {facts.size_wh[0]}x{facts.size_wh[1]}"
        raise ValueError(f"input is {found}, but network {info.network} takes {taken}")
    if not 0 <= info.accuracy <= 1:
        raise ValueError(f"accuracy must be from 0 to 1, got {info.accuracy}")
    if not (math.isfinite(info.temperature) and info.temperature > 0):
        raise ValueError(f"temperature must be above 0, got {info.temperature}")


def _info_from(metadata: Mapping[str, object]) -> ModelInfo:
    for key in KEYS:
        if not isinstance(metadata.get(key), str):
            raise ValueError(f"metadata has no {key!r}, so it is not a model of this project")
    text = {key: str(metadata[key]) for key in KEYS}
    if text["version"] != FORMAT_VERSION:
        raise ValueError(f"metadata version is {text['version']!r}, this program reads {FORMAT_VERSION!r}")
    labels = _decoded(text, "labels", list)
    if not all(isinstance(label, str) for label in labels):
        raise ValueError("metadata 'labels' must hold words only")
    try:
        spec = InputSpec.from_plain(_decoded(text, "input", dict))
    except ValueError as error:
        raise ValueError(f"metadata 'input': {error}") from error
    try:
        accuracy = float(_decoded(text, "accuracy", int | float))
        temperature = float(_decoded(text, "temperature", int | float))
    except OverflowError as error:
        raise ValueError(f"metadata 'accuracy' or 'temperature' is too large: {error}") from error
    return ModelInfo(
        name=text["name"],
        network=text["network"],
        labels=tuple(labels),
        input=spec,
        accuracy=accuracy,
        temperature=temperature,
        recipe=_decoded(text, "recipe", dict),
        data_digest=text["data_digest"],
        created_by=_decoded(text, "created_by", dict),
    )


def _decoded(text: Mapping[str, str], key: str, kind: Any) -> Any:
    try:
        value = json.loads(text[key])
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"metadata {key!r} is not JSON: {error}") from error
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(
            f"metadata {key!r} must be {getattr(kind, '__name__', 'a number')}, got {text[key]:.40}"
        )
    return value
