"""Make a film from street photos: `python -m training.street.film OUT.mp4 [--photos 12] [--seed 0]`.

The photos stand side by side on a long wall; a camera moves along it slowly, and zooms out and in. So people
come in and leave at the edges, and everybody's place in each frame is known: OUT.json has it. For measuring
tracks and answers; the film holds the photos, so it is as little to be given on as they are.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from fashion_pipeline.fashion.street import Image
from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.street.data import street_folder
from fashion_pipeline.training.street.people import read_picture

FRAME_WH = (960, 720)
RATE_HZ = 15
SPEED_PX_PER_S = 110.0
ZOOM, ZOOM_S = 0.18, 7.0
"""The window is up to this part smaller than the wall is high, once in so many seconds."""


def build_wall(folder: Path, count: int, seed: int) -> tuple[Image, list[tuple[str, int, int]]]:
    """Return photos side by side, all as high as the frame, and (name, left, right) of each in pixels."""
    paths = sorted((folder / "tagged").glob("*.jpg"))
    if len(paths) < count:
        raise DataError(f"{folder / 'tagged'}: has {len(paths)} photos, {count} are asked for")
    chosen = np.random.default_rng(seed).choice(len(paths), count, replace=False)
    parts, places, left = [], [], 0
    for number in chosen.tolist():
        photo = read_picture(paths[number])
        width = round(photo.shape[1] * FRAME_WH[1] / photo.shape[0])
        parts.append(cv2.resize(photo, (width, FRAME_WH[1]), interpolation=cv2.INTER_AREA))
        places.append((paths[number].name, left, left + width))
        left += width
    return np.hstack(parts).astype(np.uint8), places


def windows(wall_width: int) -> list[tuple[float, float, float]]:
    """Return left, top and scale of the camera's window on the wall, frame by frame."""
    found: list[tuple[float, float, float]] = []
    while True:
        time_s = len(found) / RATE_HZ
        scale = 1 - ZOOM * (1 - math.cos(2 * math.pi * time_s / ZOOM_S)) / 2
        left = SPEED_PX_PER_S * time_s
        if left + FRAME_WH[0] * scale > wall_width - 1:
            return found
        found.append((left, FRAME_WH[1] * (1 - scale) / 2, scale))


def write_film(path: Path, wall_bgr: Image, moves: Sequence[tuple[float, float, float]]) -> None:
    """Film the wall: H.264 at RATE_HZ."""
    import av

    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=Fraction(RATE_HZ), options={"crf": "20"})
        stream.width, stream.height = FRAME_WH
        stream.pix_fmt = "yuv420p"
        for left, top, scale in moves:
            view = np.array([[scale, 0, left], [0, scale, top]], np.float64)
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            picture = cv2.warpAffine(wall_bgr, view, FRAME_WH, flags=flags).astype(np.uint8, copy=False)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        film.mux(stream.encode(None))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the film and where everybody is in it. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.street.film", description=__doc__)
    parser.add_argument("film", type=Path, help="where to write it, e.g. /tmp/street.mp4")
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="which photos")
    options = parser.parse_args(arguments)
    try:
        wall_bgr, places = build_wall(street_folder(), options.photos, options.seed)
    except DataError as error:
        print(f"street: {error}", file=sys.stderr)
        return 2
    moves = windows(wall_bgr.shape[1])
    write_film(options.film, wall_bgr, moves)
    truth = {"rate_hz": RATE_HZ, "photos": places, "windows": moves}
    options.film.with_suffix(".json").write_text(json.dumps(truth))
    print(f"wrote {options.film}: {len(moves)} frames, {len(places)} people")
    return 0


if __name__ == "__main__":
    sys.exit(main())
