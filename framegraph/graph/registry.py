"""The lookup of stage classes by `type:`: a library's by file name, the user's by module and class."""

import dataclasses
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from framegraph.errors import GraphError
from framegraph.properties import nearest
from framegraph.stage import FileSink, LeakySink, Ordered, Sink, Source, Stage

LIBRARIES = "FRAMEGRAPH_STAGES"
"""Environment variable with the packages whose modules are stage types, separated by commas; inherited by
the processes of a run."""


def add_library(package: str) -> None:
    """Make the modules of a package stage types, for this process and those it starts."""
    os.environ[LIBRARIES] = ",".join(dict.fromkeys([*_libraries(), package]))


def _libraries() -> list[str]:
    return [name for name in os.environ.get(LIBRARIES, "").split(",") if name]


def _module_of_type() -> dict[str, str]:
    """{stage type: full name of its module}; of two libraries with the same name the first wins."""
    found: dict[str, str] = {}
    for library in _libraries():
        for module in pkgutil.iter_modules(importlib.import_module(library).__path__):
            if not module.ispkg and not module.name.startswith("_"):
                found.setdefault(module.name, f"{library}.{module.name}")
    return found


def known_types() -> list[str]:
    """Return the names of the libraries' stage types."""
    return sorted(_module_of_type())


def find_stage(type_: str, graph_folder: Path) -> type[Stage[Any]]:
    """Return the class of a stage type; GraphError when there is none.

    `detect` is the one stage class of a library's module detect. `my_stages.Blur` is class Blur of
    my_stages.py, looked up first next to the graph file.
    """
    if "." in type_:
        return _users_stage(type_, graph_folder)
    modules = _module_of_type()
    if type_ not in modules:
        raise GraphError(f"unknown stage type '{type_}'{nearest(type_, modules)}")
    module = importlib.import_module(modules[type_])
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Stage) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise GraphError(f"{module.__file__} must define one stage class, it defines {len(found)}")
    return found[0]


def _users_stage(type_: str, graph_folder: Path) -> type[Stage[Any]]:
    if not all(part.isidentifier() for part in type_.split(".")):
        raise GraphError(f"stage type '{type_}': expected MODULE.CLASS, e.g. my_stages.Blur")
    module_name, _dot, class_name = type_.rpartition(".")
    folder = str(graph_folder.resolve())
    if folder not in sys.path:
        # Last on the path: a json.py there must not shadow Python's.
        sys.path.append(folder)
    try:
        module = _module(module_name, graph_folder.resolve())
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0]:
            # The module was found, but something that it imports was not.
            raise GraphError(_import_error(type_, module_name, error)) from error
        raise GraphError(
            f"stage type '{type_}': no module {module_name}.py in {folder} or on the path"
        ) from None
    except GraphError:
        raise
    except Exception as error:  # a module may raise anything while it is imported
        raise GraphError(_import_error(type_, module_name, error)) from error
    stage = getattr(module, class_name, None)
    if not (inspect.isclass(stage) and issubclass(stage, Stage)):
        names = [
            name
            for name, value in vars(module).items()
            if inspect.isclass(value) and issubclass(value, Stage) and value.__module__ == module_name
        ]
        raise GraphError(
            f"stage type '{type_}': {module_name} has no stage '{class_name}'{nearest(class_name, names)}"
        )
    if not dataclasses.is_dataclass(stage.Options):
        raise GraphError(
            f"stage type '{type_}': its Options is not a dataclass; write "
            "@dataclasses.dataclass(frozen=True, kw_only=True) above it"
        )
    return stage


_loaded: dict[str, Path] = {}
"""Users' modules by name, with their files."""


def _module(name: str, folder: Path) -> ModuleType:
    """Return a user's module, from the graph's folder or else an installed one."""
    path = folder / f"{name}.py"
    if not path.is_file():
        return importlib.import_module(name)
    if _loaded.get(name) == path:
        return sys.modules[name]
    if name in sys.modules and name not in _loaded:
        raise GraphError(f"stage module {path}: there is another module '{name}' already; rename the file")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name], _loaded[name] = module, path
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name], _loaded[name]
        raise
    return module


def _import_error(type_: str, module_name: str, error: Exception) -> str:
    """Return an error that says why and where a user's module cannot be imported."""
    where = error.filename if isinstance(error, SyntaxError) else ""
    line = error.lineno if isinstance(error, SyntaxError) else None
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).stem == module_name.rpartition(".")[2]:
            where, line = frame.filename, frame.lineno
    place = f" ({where}:{line})" if where else ""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"stage type '{type_}': importing {module_name} raises {type(error).__name__}: {text}{place}"


def kind_of(stage: type[Stage[Any]]) -> str:
    """Return "source", "worker", "ordered", "sink" or "leaky" (a sink that does not commit)."""
    if issubclass(stage, Source):
        return "source"
    if issubclass(stage, Ordered):
        return "ordered"
    if issubclass(stage, LeakySink):
        return "leaky"
    return "sink" if issubclass(stage, Sink) else "worker"


def writes_file(stage: type[Stage[Any]]) -> bool:
    return issubclass(stage, FileSink)
