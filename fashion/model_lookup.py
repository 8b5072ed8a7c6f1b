"""Lookup of models by name or path, and the check that their files belong together."""

import difflib
from pathlib import Path

from fashion_pipeline.fashion.model_file import ModelFileError, ModelInfo, file_digest, read_info

MODELS_FOLDER = Path(__file__).resolve().parents[1] / "models"


def find_model(name: str) -> Path:
    """Return the .safetensors file of a model: NAME in the models folder, or a path to it or its .onnx.

    Raises ModelFileError, with the nearest name there is, if there is none.
    """
    given = Path(name)
    if given.suffix == ".onnx":
        given = given.with_suffix(".safetensors")
    for path in (MODELS_FOLDER / f"{name}.safetensors", given, Path(f"{name}.safetensors")):
        if path.is_file() and path.suffix == ".safetensors":
            return path
    described = (path.stem for path in MODELS_FOLDER.glob("*.json") if path.with_suffix(".onnx").is_file())
    known = sorted({*described, *(path.stem for path in MODELS_FOLDER.glob("*.safetensors"))})
    close = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean '{close[0]}'?" if close else f"known are: {', '.join(known)}"
    if given.exists() or Path(name).exists():
        raise ModelFileError(
            f"'{name}' is no model of this project: NAME.safetensors, or NAME.json beside NAME.onnx; {remedy}"
        )
    raise ModelFileError(f"there is no model '{name}' in {MODELS_FOLDER}, and no such file; {remedy}")


def find_street_model(name: str) -> Path | None:
    """Return the .json file of a street model, or None if `name` (or its .onnx) is not one."""
    given = Path(name)
    if given.suffix == ".onnx":
        given = given.with_suffix(".json")
    for path in (MODELS_FOLDER / f"{name}.json", given):
        is_street = path.suffix == ".json" and path.is_file() and path.with_suffix(".onnx").is_file()
        if is_street and not path.with_suffix(".safetensors").exists():
            return path
    return None


def check_model(name: str, *, needs_onnx: bool) -> tuple[Path, ModelInfo, str]:
    """Return (path, what the file says, sha256 in hex) of a model that is whole.

    Raises ModelFileError if the file is missing, damaged or none of ours, or if its ONNX export is wanted and
    is missing, cut off, or made from other weights.
    """
    path = find_model(name)
    info = read_info(path)
    digest = file_digest(path)
    onnx = path.with_suffix(".onnx")
    if needs_onnx and not onnx.is_file():
        raise ModelFileError(f"{onnx}: missing; export {path.name} again, or set engine: torch")
    # The export ends with its properties, of which the digest of the weights is one, as plain text.
    if needs_onnx and digest.encode() not in onnx.read_bytes():
        raise ModelFileError(f"{onnx}: is cut off, or not made from {path.name}; export it again")
    return path, info, digest
