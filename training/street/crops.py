"""From a picture and a person's box to the network's input; and its random variants for training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from fashion_pipeline.fashion.preprocessing import InputSpec
from fashion_pipeline.fashion.street import Box, Image, LookSpec, cut_look, widened

LOOK = LookSpec(
    # The shape of standing people: half of the boxes are less than 0.32 as wide as high, three of four less
    # than 0.35. Mean and std are the pretrained weights' own.
    input=InputSpec(
        color="rgb",
        size_wh=(160, 448),
        fit="letterbox",
        mean=(127 / 255, 127 / 255, 127 / 255),
        std=(128 / 255, 128 / 255, 128 / 255),
    ),
    margin=0.04,  # detectors cut hats and toes
    fill=127,  # zero for the network, as the padding inside it is
)
SPEC = LOOK.input

# The random variants: a little of everything that a detector's box and a camera vary.
ZOOM = 0.12  # log of the scale
STRETCH = 0.1  # log of width by height
SHIFT = 0.04  # of the box's height
TURN_RAD = 0.09
BRIGHTNESS = CONTRAST = 0.25
SATURATION = 0.4
TINT = 12.0  # grey levels, each channel by itself
COARSE_SHARE = 0.15  # of the views are as coarse as those of people far away
COARSE_LOG = (math.log(1.5), math.log(3.5))  # how many times coarser

MAX_HEIGHT_PX = 560  # of a stored person: more than the network sees, so that a zoom loses nothing
CONTEXT = 0.12  # how much around a box is stored, of its height


@dataclass(frozen=True, kw_only=True)
class Person:
    """A part of a picture, RGB, and the person's box in its pixels."""

    image_rgb: Image
    box_xyxy: Box


def store(image_bgr: Image, box_xyxy: Sequence[float], context: float = CONTEXT) -> Person:
    """Keep a person with some context, small enough to hold all of them in memory."""
    height, width = image_bgr.shape[:2]
    x0, y0, x1, y1 = widened(box_xyxy, LOOK, context)
    left, top = max(0, math.floor(x0)), max(0, math.floor(y0))
    part = image_bgr[top : min(height, math.ceil(y1)), left : min(width, math.ceil(x1))]
    scale = min(1.0, MAX_HEIGHT_PX / part.shape[0])
    if scale < 1:
        part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(
            np.uint8, copy=False
        )
    box = tuple((edge - offset) * scale for edge, offset in zip(box_xyxy, (left, top) * 2, strict=True))
    return Person(image_rgb=np.ascontiguousarray(part[:, :, ::-1]), box_xyxy=(box[0], box[1], box[2], box[3]))


def plain_view(person: Person) -> Image:
    """The view that the pipeline would cut."""
    crop = cut_look(np.ascontiguousarray(person.image_rgb[:, :, ::-1]), person.box_xyxy, LOOK)
    if crop is None:
        raise ValueError(f"box {person.box_xyxy} lies outside its picture")
    return crop


def random_view(person: Person, chance: np.random.Generator) -> Image:
    """A view with another scale, place, angle, shape and side: uint8 H x W x 3, RGB."""
    x0, y0, x1, y1 = widened(person.box_xyxy, LOOK)
    width, height = SPEC.size_wh
    scale = (y1 - y0) / height * math.exp(chance.uniform(-ZOOM, ZOOM))
    scale_x = scale * math.exp(chance.uniform(-STRETCH, STRETCH))
    shift = SHIFT * (person.box_xyxy[3] - person.box_xyxy[1])
    middle = np.array(
        [(x0 + x1) / 2 + chance.uniform(-shift, shift) * 0.6, (y0 + y1) / 2 + chance.uniform(-shift, shift)]
    )
    angle, side = chance.uniform(-TURN_RAD, TURN_RAD), chance.choice((-1.0, 1.0))
    cosine, sine = math.cos(angle), math.sin(angle)
    matrix = np.array(
        [[scale_x * cosine * side, -scale * sine], [scale_x * sine * side, scale * cosine]], np.float64
    )
    offset = middle - matrix @ np.array([(width - 1) / 2, (height - 1) / 2])
    view = cv2.warpAffine(
        person.image_rgb,
        np.hstack([matrix, offset[:, None]]),
        SPEC.size_wh,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(LOOK.fill,) * 3,
    ).astype(np.uint8, copy=False)
    factor = math.exp(-chance.uniform(*COARSE_LOG))
    if chance.random() >= COARSE_SHARE:
        return view
    coarse = cv2.resize(view, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(coarse, SPEC.size_wh, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def recolored(images: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
    """Vary brightness, saturation, contrast and tint of each picture: float N x 3 x H x W in 0..255."""

    def factors(reach: float) -> torch.Tensor:
        return torch.from_numpy(chance.uniform(1 - reach, 1 + reach, (len(images), 1, 1, 1))).float()

    images = images * factors(BRIGHTNESS)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * factors(SATURATION)
    middle = images.mean((1, 2, 3), keepdim=True)
    images = middle + (images - middle) * factors(CONTRAST)
    images = images + torch.from_numpy(chance.uniform(-TINT, TINT, (len(images), 3, 1, 1))).float()
    return images.clamp(0, 255)
