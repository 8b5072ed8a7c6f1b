"""Records in the formats of other tools. A format is one file here, which has its name, and one Format."""

import importlib
import pkgutil

from fashion_pipeline.export.shared.format import Format


def names() -> list[str]:
    """Return the names of all formats; nothing of them is imported."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)


def find(name: str) -> Format:
    """Return the format of this name, which is one of `names`."""
    module = importlib.import_module(f"{__name__}.{name}")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Format) and value.__module__ == module.__name__
    )
    made: Format = found()
    return made
