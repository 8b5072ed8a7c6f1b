"""CPU time of a look, for each step on the way to the model: `python -m training.street.cost [--looks 120]`.

Measured as the pipeline works: one person a pass, one thread, the engine that `engine: auto` chooses, from
the picture and the box to the answer. The steps that were left behind are built again from what they were
made of: what a network costs depends on its shape, not on its weights. The photos are those of STREET_DATA.
"""

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from fashion_pipeline.fashion.classifiers import open_classifier, open_cutter
from fashion_pipeline.fashion.engines import open_engine
from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.fashion.preprocessing import to_batch
from fashion_pipeline.fashion.street import Box, Image, cut_look
from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.street.backbone import CHANNELS, STRIDE_PX, Backbone, WeightsError
from fashion_pipeline.training.street.crops import LOOK
from fashion_pipeline.training.street.data import load_tagged, street_folder
from fashion_pipeline.training.street.export import OPSET
from fashion_pipeline.training.street.network import Street
from fashion_pipeline.training.street.people import LargestPerson, read_picture

WARM_UP = 5  # the first looks pay for what is allocated once
BANDS = 4
Tell = Callable[[Image, Box], object]


class Pooled(nn.Module):
    """The step of the first rows: a linear layer on means, and with `bands` also on maxima and on bands."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.backbone, self.bands = Backbone(), bands
        self.linear = nn.Linear(CHANNELS * (2 + bands if bands else 1), len(LABELS))

    def forward(self, looks: torch.Tensor) -> torch.Tensor:
        features = self.backbone.upper(self.backbone.lower(looks, 0), 0)
        parts = [features.mean((2, 3))]
        if self.bands:
            parts.append(features.amax((2, 3)))
            parts += [band.mean((2, 3)) for band in features.chunk(self.bands, 2)]
        scores: torch.Tensor = self.linear(torch.cat(parts, 1))
        return scores


def with_maps(size_wh: tuple[int, int]) -> Street:
    """`street` for another size of the look."""
    network = Street()
    width, height = size_wh
    network.worn.places = nn.Parameter(torch.zeros(len(LABELS), height // STRIDE_PX, width // STRIDE_PX))
    return network


def built(network: nn.Module, size_wh: tuple[int, int], folder: Path) -> Tell:
    """Export a network with the weights that it has, and return how it is asked."""
    path = folder / "step.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (DeprecationWarning, UserWarning))  # see export_onnx
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 3, size_wh[1], size_wh[0]),),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            dynamic_axes={"images": {0: "n"}},
        )
    look = replace(LOOK, input=replace(LOOK.input, size_wh=size_wh))
    engine = open_engine(path)

    def tell(image_bgr: Image, box: Box) -> object:
        crop = cut_look(image_bgr, box, look)
        assert crop is not None
        return engine.run({"images": to_batch([crop], look.input)})

    return tell


def shipped(model: str) -> Tell:
    """Return how `crop` and `classify` ask a model."""
    cutter, classifier = open_cutter(model), open_classifier(model, "auto", threads=1, device="cpu")

    def tell(image_bgr: Image, box: Box) -> object:
        crop = cutter.cut(image_bgr, box)
        assert crop is not None
        return classifier.predict([crop], [box])

    return tell


def cost_ms(tell: Tell, looks: Sequence[tuple[Image, Box]]) -> list[float]:
    """CPU milliseconds of each look, all threads of the process together."""
    for image_bgr, box in looks[:WARM_UP]:
        tell(image_bgr, box)
    spent = []
    for image_bgr, box in looks:
        begin_s = time.process_time()
        tell(image_bgr, box)
        spent.append(1000 * (time.process_time() - begin_s))
    return spent


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each step. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.street.cost", description=__doc__)
    parser.add_argument("--looks", type=int, default=120, help="how many photos, a look each")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        detector = LargestPerson()
        pictures = [read_picture(path) for path in load_tagged(street_folder()).paths[: options.looks]]
        found = [(picture, detector.find(picture)) for picture in pictures]
        looks = [(picture, box) for picture, box in found if box is not None]
        with tempfile.TemporaryDirectory(prefix="cost-") as name:
            folder = Path(name)
            steps: dict[str, Callable[[], Tell]] = {
                "v2_da, grey 28x28": lambda: shipped("v2_da"),
                "means, 160x320": lambda: built(Pooled(0), (160, 320), folder),
                "means, 192x384": lambda: built(Pooled(0), (192, 384), folder),
                "means, maxima, bands, 160x320": lambda: built(Pooled(BANDS), (160, 320), folder),
                "head with maps, 192x384": lambda: built(with_maps((192, 384)), (192, 384), folder),
                "head with maps, 160x448": lambda: built(with_maps((160, 448)), (160, 448), folder),
                "street, 160x448, with boxes and colours": lambda: shipped("street"),
            }
            print("| step | looks | CPU ms a look: median | quarter to three quarters |")
            print("| --- | --- | --- | --- |")
            for step, make in steps.items():
                spent = cost_ms(make(), looks)
                low, middle, high = statistics.quantiles(spent, n=4)
                print(f"| {step} | {len(spent)} | {middle:.1f} | {low:.1f} to {high:.1f} |")
    except (DataError, WeightsError) as error:
        print(f"street: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
