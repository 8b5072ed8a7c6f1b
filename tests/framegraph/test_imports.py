"""Imports point one way, and what is heavy is loaded late."""

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
OURS = {
    "launcher",
    "store",
    "fashion_pipeline",
    "framegraph",
    "stages",
    "fashion",
    "training",
    "tests",
    "benchmarks",
}
LINKED = ("stages", "fashion", "store", "training")
"""Folders that are imported through fashion_pipeline."""
MAY_IMPORT = {
    "launcher": {"fashion_pipeline"},
    "fashion_pipeline": {"framegraph", "fashion", "stages", "store"},
    "framegraph": set(),
    "fashion": set(),
    "stages": {"framegraph", "fashion", "store"},
    "store": {"framegraph", "fashion"},
    "training": {"fashion"},
}
FLOORS = {
    "errors": 0,
    **dict.fromkeys(("support",), 1),
    **dict.fromkeys(("packet", "properties", "stage", "files", "transactions"), 2),
    "graph": 3,
    "wire": 4,
    "frames": 5,
    "delivery": 6,
    "testing": 7,
    "traces": 7,
    "nodes": 8,
    "run_files": 9,
    "supervisor": 10,
    "view": 11,
    "control": 12,
    "launch": 13,
    "tools": 14,
}
"""Of framegraph: a room imports from its own floor and from lower ones."""
HEAVY = {
    "cv2",
    "sqlalchemy",
    "torch",
    "torchvision",
    "tensorflow",
    "av",
    "openvino",
    "onnxruntime",
    "imageai",
}
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


def part_named(module: str) -> str:
    """The part of the project that a module belongs to: those of the umbrella have a name of two words."""
    umbrella, _dot, rest = module.partition(".")
    inner = rest.partition(".")[0]
    return inner if umbrella == "fashion_pipeline" and inner in LINKED else umbrella


def names(node: ast.AST, file: Path) -> list[str]:
    """The modules that an import statement names, in full."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert isinstance(node, ast.ImportFrom)
    package = ".".join(file.parts[: len(file.parts) - node.level]) + "." if node.level else ""
    module = f"{package}{node.module or ''}".rstrip(".")
    return [f"{module}.{alias.name}" for alias in node.names]


@functools.cache
def parsed(file: Path) -> ast.Module:
    return ast.parse((PROJECT / file).read_text(encoding="utf-8"))


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

    yield from walk(parsed(file))


def test_a_file_imports_only_what_its_folder_may() -> None:
    found = {}
    for file in FILES:
        part = part_of(file)
        found[file] = {part_named(name) for name in imports(file)} & OURS - MAY_IMPORT[part] - {part}
    assert not {str(file): sorted(parts) for file, parts in found.items() if parts}


def test_what_a_wheel_holds_under_one_name_is_imported_by_it() -> None:
    """The same module under two names would be two modules."""
    bare = {f"{file}: {name}" for file in FILES for name in imports(file) if name.partition(".")[0] in LINKED}
    assert not bare


def test_a_room_of_framegraph_imports_no_higher_one() -> None:
    higher = set()
    for file in FILES:
        if file.parts[0] != "framegraph" or (len(file.parts) == 2 and file.stem == "__init__"):
            continue
        floor = FLOORS[file.parts[1].removesuffix(".py")]
        rooms = {name.split(".")[1] for name in imports(file) if name.startswith("framegraph.")}
        higher |= {f"{file}: {room}" for room in rooms if FLOORS.get(room, 0) > floor}
    assert not higher


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_other_stage(stage: str) -> None:
    others = {f"fashion_pipeline.stages.{other}" for other in STAGES if other != stage}
    found = {".".join(name.split(".")[:3]) for name in imports(Path("stages", f"{stage}.py"))}
    assert not found & others


def test_what_stages_share_imports_no_stage() -> None:
    stages = {f"fashion_pipeline.stages.{stage}" for stage in STAGES}
    for file in FILES:
        if file.parts[0] == "stages" and len(file.parts) > 2:
            assert not {".".join(name.split(".")[:3]) for name in imports(file)} & stages, file


LIGHT = [
    path
    for path in FILES
    if part_of(path) in ("launcher", "framegraph", "fashion_pipeline")
    or (part_of(path) in ("stages", "fashion") and len(path.parts) == 2)
]


def test_a_heavy_library_is_imported_where_it_is_used() -> None:
    for file in LIGHT:
        found = {name.partition(".")[0] for name in imports(file, top_level_only=True)} & HEAVY
        assert not found, f"{file} imports {sorted(found)} at its top"


CHECK = """
import json, sys
from pathlib import Path
import fashion_pipeline
import framegraph.graph.reader
from framegraph.graph.registry import add_library, find_stage, known_types, kind_of
add_library(fashion_pipeline.STAGES)
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
