"""Tells what everyone in a film or camera picture wears.

The folders beside this one are reached through it, and a wheel holds them under this name: `stages`,
`fashion` and `training` would be anybody's at the top of site-packages. `framegraph` is a library of its own.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fashion_pipeline.python.run import Run, RunError, run

__all__ = ["Run", "RunError", "__version__", "run"]
__version__ = "0.1.0"
STAGES = f"{__name__}.stages"
"""The package of the stage types that a graph names in one word."""
GRAPHS_FOLDER = Path(__file__).parent / "graphs"
SAMPLE = Path(__file__).parent / "samples" / "plaza.mp4"
"""The film that the default graph is shown where none is named."""


def __getattr__(name: str) -> Any:
    """Load what reads results on its first use: every process of a run imports this package."""
    if name in ("Run", "RunError", "run"):
        from fashion_pipeline.python import run as module

        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
