"""multiprocessing.Queue: a process for each step, frames pickled from queue to queue."""

import multiprocessing as mp
from typing import Any

from benchmarks.loops.parts import QUEUE_LEN, Film, Finder, Namer, arguments, decoded

Queue = Any


def read(film: str, out: Queue) -> None:
    for image_bgr in decoded(film):
        out.put(image_bgr)
    out.put(None)


def find(given: Queue, out: Queue) -> None:
    finder = Finder()
    while (image_bgr := given.get()) is not None:
        out.put((image_bgr, finder.find(image_bgr)))
    out.put(None)


def name(given: Queue, out: Queue) -> None:
    namer = Namer()
    while (item := given.get()) is not None:
        namer.name(*item)
        out.put(item)
    out.put(None)


def main() -> None:
    film, output = arguments()
    frames: mp.Queue[Any] = mp.Queue(QUEUE_LEN)
    found: mp.Queue[Any] = mp.Queue(QUEUE_LEN)
    named: mp.Queue[Any] = mp.Queue(QUEUE_LEN)
    steps = [
        mp.Process(target=read, args=(film, frames), daemon=True),
        mp.Process(target=find, args=(frames, found), daemon=True),
        mp.Process(target=name, args=(found, named), daemon=True),
    ]
    for step in steps:
        step.start()
    writer = Film(output)
    while (item := named.get()) is not None:
        writer.draw(*item)
    for step in steps:
        step.join()
    writer.close()


if __name__ == "__main__":
    main()
