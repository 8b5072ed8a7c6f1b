"""Imports point one way, and what is heavy is loaded late."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
OURS = {"launcher", "runtime", "stages", "fashion", "training", "tests"}
MAY_IMPORT = {
    "launcher": {"runtime"},
    "runtime": set(),
    "fashion": set(),
    "stages": {"runtime", "fashion"},
    "training": {"fashion"},
}
HEAVY = {"cv2", "torch", "torchvision", "tensorflow", "av", "openvino", "onnxruntime", "imageai"}
FILES = sorted(
    path.relative_to(PROJECT)
    for path in [
        PROJECT / "launcher.py",
        *(file for part in MAY_IMPORT for file in (PROJECT / part).rglob("*.py")),
    ]
)
STAGES = sorted(path.stem for path in (PROJECT / "stages").glob("*.py") if path.stem != "__init__")


def part_of(file: Path) -> str:
    return file.parts[0].removesuffix(".py")


def names(node: ast.AST, file: Path) -> list[str]:
    """The modules that an import statement names, in full."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert isinstance(node, ast.ImportFrom)
    package = ".".join(file.parts[: len(file.parts) - node.level]) + "." if node.level else ""
    module = f"{package}{node.module or ''}".rstrip(".")
    return [f"{module}.{alias.name}" for alias in node.names]


def imports(file: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Every module that a file imports; `if TYPE_CHECKING` counts as top level but not as loaded."""

    def walk(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                yield from names(child, file)
            elif (
                top_level_only and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            ) or (top_level_only and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
                continue
            else:
                yield from walk(child)

    yield from walk(ast.parse((PROJECT / file).read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_file_imports_only_what_its_folder_may(file: Path) -> None:
    part = part_of(file)
    allowed = MAY_IMPORT[part] | {part}
    found = {name.partition(".")[0] for name in imports(file)} & OURS
    assert found <= allowed, f"{file} imports {sorted(found - allowed)}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_other_stage(stage: str) -> None:
    others = {f"stages.{other}" for other in STAGES if other != stage}
    found = {".".join(name.split(".")[:2]) for name in imports(Path("stages", f"{stage}.py"))}
    assert not found & others


@pytest.mark.parametrize("file", sorted(path for path in FILES if path.parts[:1] == ("stages",)), ids=str)
def test_what_stages_share_imports_no_stage(file: Path) -> None:
    if len(file.parts) == 2:
        return
    found = {".".join(name.split(".")[:2]) for name in imports(file)}
    assert not found & {f"stages.{stage}" for stage in STAGES}


LIGHT = [
    path
    for path in FILES
    if part_of(path) in ("launcher", "runtime")
    or (part_of(path) in ("stages", "fashion") and len(path.parts) == 2)
]


@pytest.mark.parametrize("file", LIGHT, ids=str)
def test_a_heavy_library_is_imported_where_it_is_used(file: Path) -> None:
    found = {name.partition(".")[0] for name in imports(file, top_level_only=True)} & HEAVY
    assert not found, f"{file} imports {sorted(found)} at its top"


CHECK = """
import json, sys
from pathlib import Path
import runtime.graph.reader
from runtime.graph.registry import find_stage, known_types, kind_of
kinds = {name: kind_of(find_stage(name, Path.cwd())) for name in known_types()}
print(json.dumps([kinds, sorted(name for name in sys.modules if "." not in name)]))
"""


def test_knowing_every_stage_type_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    kinds, modules = json.loads(done.stdout)
    assert kinds.keys() >= {"source", "detect", "crop", "classify", "video_sink", "json_sink"}
    assert kinds["source"] == "source"
    assert kinds["detect"] == "worker"
    assert kinds["video_sink"] == "sink"
    assert not HEAVY & set(modules)
