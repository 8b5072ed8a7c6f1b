"""Draw a run: its curves, and which classes it takes for which."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # draws to files; there may be no screen
from matplotlib import pyplot

from fashion_pipeline.fashion.labels import LABELS

DPI = 80


def draw_curves(path: Path, title: str, history: Sequence[dict[str, Any]]) -> None:
    """Loss and accuracy over the epochs, as a picture. history: reports of the epochs, as plain dicts."""
    epochs = [entry["epoch"] for entry in history]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5), dpi=DPI)
    left.plot(epochs, [entry["loss"] for entry in history])
    left.set(xlabel="epoch", ylabel="loss on training pictures", title=title)
    right.plot(epochs, [100 * entry["accuracy"] for entry in history], label="training pictures, as changed")
    if all(entry["held_out"] is not None for entry in history):
        right.plot(epochs, [100 * entry["held_out"] for entry in history], label="held-out pictures")
    right.set(xlabel="epoch", ylabel="accuracy, %")
    right.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def draw_confusion(path: Path, title: str, confusion: Sequence[Sequence[int]]) -> None:
    """The confusion matrix as a picture; the diagonal is left white so that the mistakes show."""
    largest = max(n for i, row in enumerate(confusion) for j, n in enumerate(row) if i != j) or 1
    shades = [[0 if i == j else n / largest for j, n in enumerate(row)] for i, row in enumerate(confusion)]
    figure, axes = pyplot.subplots(figsize=(6.5, 6), dpi=DPI)
    axes.imshow(shades, cmap="Reds", vmin=0, vmax=1.4)
    for i, row in enumerate(confusion):
        for j, n in enumerate(row):
            axes.text(j, i, str(n), ha="center", va="center", weight="bold" if i == j else "normal")
    axes.set_xticks(range(len(LABELS)), LABELS, rotation=45, ha="right")
    axes.set_yticks(range(len(LABELS)), LABELS)
    axes.set(xlabel="given", ylabel="true", title=title)
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
