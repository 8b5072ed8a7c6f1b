"""Faces that a face detector finds before and after `blur`: `python -m benchmarks.blurred FILM_OR_FOLDER`.

The face detector is MTCNN (Zhang et al., 2016) of the package facenet-pytorch (MIT), which carries its
weights: `pip install --no-deps facenet-pytorch==2.6.0`. It has nothing in common with the project's own.
"""

import argparse
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fashion_pipeline.stages.blur import Blur
from fashion_pipeline.stages.detect import Detect
from fashion_pipeline.stages.source import FilmSource
from fashion_pipeline.stages.track import Track
from framegraph.packet import Image, Packet
from framegraph.stage import Frame
from framegraph.testing import make_packet, run_source, run_stage

SURE = 0.95
"""Lowest probability of a face that counts."""
COVERED = 0.9
"""A face counts as covered if at least this part of its box is inside the regions."""
Faces = list[tuple[int, int, int, int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("uri", help="a film, or a folder of pictures")
    parser.add_argument("--pictures", type=int, default=50, help="the first so many")
    parser.add_argument("--every", type=int, default=1, help="faces are looked for in every n-th")
    parser.add_argument("--scale", type=float, default=1.0, help="enlarge pictures for the face detector")
    parser.add_argument("--least-face", type=int, default=20, help="in pixels, after that")
    parser.add_argument("--confidence", type=float, nargs="*", default=[0.0, 0.25], help="0: the default")
    parser.add_argument("--margin", type=float, nargs="*", default=[0.2])
    parser.add_argument("--what", nargs="*", default=["heads"])
    parser.add_argument("--keep", type=Path, help="folder for the pictures after blur, as PNG")
    arguments = parser.parse_args()
    frames = run_source(FilmSource, {"uri": arguments.uri}, limit=arguments.pictures)
    finder = importlib.import_module("facenet_pytorch").MTCNN(
        keep_all=True, min_face_size=arguments.least_face
    )
    looked_at = range(0, len(frames), arguments.every)
    before = {place: find_faces(finder, frames[place].image_bgr, arguments.scale) for place in looked_at}
    print(f"{len(before)} of {len(frames)} pictures; faces found before: {sum(map(len, before.values()))}")
    for confidence in arguments.confidence:
        packets = list(with_people(frames, confidence))
        for what in arguments.what:
            for margin in arguments.margin:
                blurred = run_stage(Blur, packets, {"what": what, "margin": margin})
                settings = f"confidence {confidence or 'default'}, {what}, margin {margin}"
                report(finder, settings, frames, blurred, before, arguments)


def report(
    finder: Any,
    settings: str,
    frames: Sequence[Frame],
    blurred: Sequence[Packet],
    before: dict[int, Faces],
    arguments: argparse.Namespace,
) -> None:
    covered, after, changed = 0, 0, 0.0
    for place, faces in before.items():
        image_bgr = blurred[place].image_bgr
        is_changed = (image_bgr != frames[place].image_bgr).any(axis=2)
        covered += sum(float(is_changed[y0:y1, x0:x1].mean()) >= COVERED for x0, y0, x1, y1 in faces)
        found = find_faces(finder, image_bgr, arguments.scale)
        after += len(found)
        changed += float(is_changed.mean())
        if found:
            print(f"  picture {place} {Path(blurred[place].uri).name}: after blur {found}")
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(arguments.keep / f"{place:05d}.png"), image_bgr)
    total = sum(map(len, before.values()))
    print(
        f"{settings}: {covered} of {total} faces covered, found after: {after}, "
        f"{changed / max(1, len(before)):.1%} of the picture changed",
        flush=True,
    )


def with_people(frames: Sequence[Frame], confidence: float) -> Iterator[Packet]:
    """Return the packets of the frames as they come to `blur`."""
    packets = []
    for seq, frame in enumerate(frames):
        packet = make_packet(frame.payload, seq=seq)
        packet.uri, packet.epoch, packet.flags = frame.uri, frame.epoch, list(frame.flags)
        packet.running_ns, packet.duration_ns = frame.running_ns, frame.duration_ns
        packets.append(packet)
    found = run_stage(Detect, packets, {"confidence": confidence} if confidence else {})
    yield from run_stage(Track, found)


def find_faces(finder: Any, image_bgr: Image, scale: float) -> Faces:
    """Return the boxes of faces, x0 y0 x1 y1 in pixels of the picture, of which the detector is sure."""
    height, width = image_bgr.shape[:2]
    size_wh = round(width * scale), round(height * scale)
    large_bgr = cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_CUBIC)
    boxes, sure = finder.detect(np.ascontiguousarray(large_bgr[:, :, ::-1]))
    if boxes is None:
        return []
    faces = []
    for (x0, y0, x1, y1), probability in zip(boxes / scale, sure, strict=True):
        if probability >= SURE:
            left, top = max(0, round(x0)), max(0, round(y0))
            faces.append((left, top, max(left + 1, round(x1)), max(top + 1, round(y1))))
    return faces


if __name__ == "__main__":
    main()
