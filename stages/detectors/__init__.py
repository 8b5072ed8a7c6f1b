"""Detectors, which find people in a picture; `open_detector` looks one up by its name in the graph.

Each file in `backends/` is a back end (`stages.detectors.detector.BackendModule`); adding the file is enough.
"""

import dataclasses
import importlib
import pkgutil
from functools import cache
from pathlib import Path

from fashion_pipeline.fashion.precision import AUTO
from fashion_pipeline.fashion.weights import is_there
from fashion_pipeline.stages.detectors import backends
from fashion_pipeline.stages.detectors.detector import CONFIDENCE, BackendModule, Detector, DetectorSettings
from framegraph.properties import nearest

SHIPPED = "nanodet"


@cache
def backend_modules() -> tuple[BackendModule, ...]:
    """Return the back ends, by file name."""
    names = sorted(module.name for module in pkgutil.iter_modules(backends.__path__))
    return tuple(importlib.import_module(f"{backends.__name__}.{name}") for name in names)  # type: ignore[misc]


def engines() -> tuple[str, ...]:
    """Return the engines of all back ends, each once."""
    return tuple(sorted({engine for module in backend_modules() for engine in module.BACKEND.engines}))


def confidences() -> dict[str, float]:
    """Return the default confidence of each model whose name is known."""
    return {model: value for module in backend_modules() for model, value in module.BACKEND.models.items()}


def default_confidence(model: str) -> float:
    """Return the lowest score that counts as a person if the user sets none."""
    return confidences().get(name_of(model), CONFIDENCE)


def name_of(model: str) -> str:
    """Return the name of the detector: for "auto" the best one present, at least the shipped one."""
    if model != AUTO:
        return model
    published = (name for module in backend_modules() for name in module.BACKEND.published)
    return next((name for name in published if is_there(name)), SHIPPED)


def check_detector(name: str, settings: DetectorSettings) -> Path:
    """Return the model file of a detector after checking that it and its engine exist; loads nothing.

    Raises ValueError, in one sentence, if not.
    """
    settings = dataclasses.replace(settings, model=name_of(name))
    module = _module(settings)
    if settings.precision not in ("float32", AUTO) and not module.BACKEND.has_precisions:
        able = [word for other in backend_modules() if other.BACKEND.has_precisions for word in _words(other)]
        raise ValueError(f"precision '{settings.precision}' is for {', '.join(able)}; leave it out")
    return module.check(settings)


def open_detector(name: str, settings: DetectorSettings) -> Detector:
    """Load a detector. Raises ValueError, in one sentence, if it cannot be used here."""
    check_detector(name, settings)
    settings = dataclasses.replace(settings, model=name_of(name))
    return _module(settings).open_detector(settings)


def _module(settings: DetectorSettings) -> BackendModule:
    model = settings.model
    able = [module for module in backend_modules() if module.BACKEND.takes(model)]
    if not able:
        known = (*confidences(), AUTO)
        families = [word for module in backend_modules() for word in _words(module) if word not in known]
        raise ValueError(
            f"model '{model}' is not known{nearest(model, known)}; also {' and '.join(families)}"
        )
    by_engine = [module for module in able if settings.engine in module.BACKEND.engines]
    defaults = [module for module in able if module.BACKEND.is_default]
    return (by_engine or defaults or able)[0]


def _words(module: BackendModule) -> list[str]:
    """Return the models of a back end as a user writes them."""
    backend = module.BACKEND
    families = [f"{backend.prefix}NAME"] if backend.prefix else []
    return [*backend.models, *families, *(f"NAME{suffix}" for suffix in backend.suffixes)]
