"""The original's loop, 640x480 and one person at a time, with our engine on one thread and our preset."""

import cv2

from benchmarks.loops.original import SIZE_WH
from benchmarks.loops.parts import Film, Finder, Namer, arguments, decoded


def main() -> None:
    film, output = arguments()
    finder, namer, writer = Finder(), Namer(), Film(output)
    for frame_bgr in decoded(film):
        image_bgr = cv2.resize(frame_bgr, SIZE_WH)
        people = finder.find(image_bgr)
        namer.name(image_bgr, people)
        writer.draw(image_bgr, people)
    writer.close()


if __name__ == "__main__":
    main()
