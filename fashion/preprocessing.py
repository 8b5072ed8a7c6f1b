"""Preprocessing of pictures for a network: one definition for training and for the pipeline.

Two steps, so that a small uint8 crop can travel between processes and the floats are made where they are
used: `cut_to_input` (picture and box to crop) and `to_batch` (crops to a float batch).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

CHANNELS = {"grey": 1, "rgb": 3}
FITS = ("stretch", "letterbox")
MAX_SIDE_PX = 1024  # a network's input is small; a larger number is a mistake or a hostile file
WHITE = 255.0


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """The input of a network.

    color: "grey" (1 channel) or "rgb" (3 channels). size_wh: width and height in pixels.
    fit: "stretch" ignores the aspect ratio of a box; "letterbox" keeps it and fills up with black, evenly on
    both sides. mean, std: one number a channel, for values scaled to 0..1.
    region: the part of a person that the network was trained on ("whole", "upper", …). It is not applied
    here: the caller passes the box of that part.

    Raises ValueError, naming the field, for anything else.
    """

    color: Literal["grey", "rgb"]
    size_wh: tuple[int, int]
    fit: Literal["stretch", "letterbox"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    region: str = "whole"

    def __post_init__(self) -> None:
        if self.color not in CHANNELS:
            raise ValueError(f"color must be one of {', '.join(CHANNELS)}, got {self.color!r}")
        if len(self.size_wh) != 2 or not all(_is_whole(n) and 1 <= n <= MAX_SIDE_PX for n in self.size_wh):
            raise ValueError(
                f"size_wh must be two whole numbers from 1 to {MAX_SIDE_PX}, got {self.size_wh!r}"
            )
        if self.fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}, got {self.fit!r}")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels or not all(_is_finite(value) for value in values):
                raise ValueError(f"{name} must be {self.channels} numbers for {self.color}, got {values!r}")
        if min(self.std) <= 0:
            raise ValueError(f"std must be above 0, got {self.std!r}")
        if not isinstance(self.region, str) or not self.region:
            raise ValueError(f"region must be a name, got {self.region!r}")

    @property
    def channels(self) -> int:
        return CHANNELS[self.color]

    def to_plain(self) -> dict[str, Any]:
        """The spec as a dict that JSON and msgpack can hold."""
        return {
            "color": self.color,
            "size_wh": list(self.size_wh),
            "fit": self.fit,
            "mean": list(self.mean),
            "std": list(self.std),
            "region": self.region,
        }

    @classmethod
    def from_plain(cls, plain: object) -> "InputSpec":
        """Rebuild a spec from `to_plain`. Raises ValueError, naming the field, if it does not hold one."""
        if not isinstance(plain, Mapping):
            raise ValueError(f"expected a mapping, got {type(plain).__name__}")
        known = {"color", "size_wh", "fit", "mean", "std", "region"}
        missing, unknown = known - {"region"} - set(plain), set(plain) - known
        if missing:
            raise ValueError(f"{min(missing)} is missing")
        if unknown:
            raise ValueError(
                f"unknown field {min(map(str, unknown))!r}; known are {', '.join(sorted(known))}"
            )
        for name in ("size_wh", "mean", "std"):
            if not isinstance(plain[name], list | tuple):
                raise ValueError(f"{name} must be a list, got {type(plain[name]).__name__}")
        for name in ("color", "fit"):
            if not isinstance(plain[name], str):
                raise ValueError(f"{name} must be a word, got {type(plain[name]).__name__}")
        return cls(
            color=cast(Literal["grey", "rgb"], plain["color"]),
            size_wh=cast(tuple[int, int], tuple(plain["size_wh"])),
            fit=cast(Literal["stretch", "letterbox"], plain["fit"]),
            mean=tuple(plain["mean"]),
            std=tuple(plain["std"]),
            region=plain.get("region", "whole"),
        )


def cut_to_input(
    image_bgr: NDArray[np.uint8], box_xyxy: Sequence[float], spec: InputSpec
) -> NDArray[np.uint8] | None:
    """Cut a box out of a picture and bring it to the colour and size of `spec`.

    image_bgr: uint8, height x width x 3; it is not changed. box_xyxy: x0, y0, x1, y1 in its pixels, fractions
    allowed, may reach over the edge: it is clipped to the picture and widened to whole pixels.
    Returns uint8, H x W for grey and H x W x 3 for rgb, or None if nothing of the box lies in the picture.
    Raises ValueError for a picture or box of another kind.
    """
    if image_bgr.dtype != np.uint8 or image_bgr.ndim != 3 or image_bgr.shape[2] != 3:
        raise ValueError(
            f"image_bgr must be uint8 (height, width, 3), got {image_bgr.dtype} {image_bgr.shape}"
        )
    if len(box_xyxy) != 4 or not all(math.isfinite(edge) for edge in box_xyxy):
        raise ValueError(f"box_xyxy must be four finite numbers, got {box_xyxy!r}")
    height, width = image_bgr.shape[:2]
    x0, y0 = max(0, math.floor(box_xyxy[0])), max(0, math.floor(box_xyxy[1]))
    x1, y1 = min(width, math.ceil(box_xyxy[2])), min(height, math.ceil(box_xyxy[3]))
    if x1 <= x0 or y1 <= y0:
        return None
    import cv2

    conversion = cv2.COLOR_BGR2GRAY if spec.color == "grey" else cv2.COLOR_BGR2RGB
    crop = cast(NDArray[np.uint8], cv2.cvtColor(image_bgr[y0:y1, x0:x1], conversion))
    if spec.fit == "stretch":
        return _resize(crop, spec.size_wh)
    scale = min(spec.size_wh[0] / (x1 - x0), spec.size_wh[1] / (y1 - y0))
    inner_wh = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    left, top = (spec.size_wh[0] - inner_wh[0]) // 2, (spec.size_wh[1] - inner_wh[1]) // 2
    # Black, because the pictures of Fashion-MNIST have a black ground.
    filled = np.zeros((spec.size_wh[1], spec.size_wh[0], *crop.shape[2:]), np.uint8)
    filled[top : top + inner_wh[1], left : left + inner_wh[0]] = _resize(crop, inner_wh)
    return filled


def to_batch(crops: Sequence[NDArray[np.uint8]], spec: InputSpec) -> NDArray[np.float32]:
    """Stack crops of `cut_to_input` into float32 N x C x H x W: scaled to 0..1, minus mean, by std.

    No crops give a batch of length 0. Raises ValueError for a crop that `spec` did not cut.
    """
    width, height = spec.size_wh
    shape = (height, width) if spec.color == "grey" else (height, width, 3)
    for crop in crops:
        if crop.dtype != np.uint8 or crop.shape != shape:
            raise ValueError(f"a crop must be uint8 {shape}, got {crop.dtype} {crop.shape}")
    stacked = np.array(crops, dtype=np.float32).reshape(len(crops), height, width, spec.channels)
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    return np.ascontiguousarray(((stacked / WHITE - mean) / std).transpose(0, 3, 1, 2))


def _resize(crop: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Shrink by area, enlarge linearly; a crop that is too long one way and too short the other gets both."""
    import cv2

    height, width = crop.shape[:2]
    small_wh = min(width, size_wh[0]), min(height, size_wh[1])
    small = crop if small_wh == (width, height) else cv2.resize(crop, small_wh, interpolation=cv2.INTER_AREA)
    if small_wh != tuple(size_wh):
        small = cv2.resize(small, size_wh, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(small).astype(np.uint8, copy=False)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
