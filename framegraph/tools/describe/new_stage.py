"""`launcher.py new-stage NAME`: a template for a stage and its test, which passes as it is."""

import importlib.util
import keyword
import re
import string
import sys
from pathlib import Path

from framegraph.errors import GraphError

_TEMPLATES = Path(__file__).with_name("template")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def new_stage(name: str, folder: Path, kind: str = "worker") -> list[Path]:
    """Write NAME.py and test_NAME.py for a stage of a kind into `folder` and return their paths; GraphError,
    and nothing is written, for a name that cannot be a module, or files that are there."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise GraphError(f"stage name '{name}': use small letters, digits and _, e.g. {_suggest(name)}")
    if name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        raise GraphError(
            f"stage name '{name}': a Python module has this name; choose another, e.g. my_{name}"
        )
    if not folder.is_dir():
        raise GraphError(f"{folder}: no such folder; make it first, or name another with --folder")
    files = {
        folder / f"{name}.py": _TEMPLATES / f"{kind}.py.txt",
        folder / f"test_{name}.py": _TEMPLATES / f"test_{kind}.py.txt",
    }
    for path in files:
        if path.exists():
            raise GraphError(f"{path} exists; choose another name, or move it away")
    words = {"module": name, "class_name": class_name(name)}
    for path, template in files.items():
        text = string.Template(template.read_text(encoding="utf-8")).substitute(words)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise GraphError(f"{path}: cannot be written: {error.strerror}; name another --folder") from None
    return list(files)


def class_name(module: str) -> str:
    return "".join(part.capitalize() for part in module.split("_"))


def _suggest(name: str) -> str:
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)
    suggestion = "_".join(words).lower().lstrip("0123456789_")
    is_good = bool(suggestion) and not keyword.iskeyword(suggestion)
    return suggestion if is_good else "blur_faces"
