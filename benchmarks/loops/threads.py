"""Threads and queues: a thread for each step in one process."""

import queue
import threading
from collections.abc import Callable
from typing import Any

from benchmarks.loops.parts import QUEUE_LEN, Film, Finder, Namer, arguments, decoded


def main() -> None:
    film, output = arguments()
    finder, namer, writer = Finder(), Namer(), Film(output)
    frames, found, named = (queue.Queue[Any](QUEUE_LEN) for _ in range(3))

    def read() -> None:
        for image_bgr in decoded(film):
            frames.put((image_bgr, []))
        frames.put(None)

    def find(image_bgr: Any, people: list[Any]) -> None:
        people.extend(finder.find(image_bgr))

    def each(given: "queue.Queue[Any]", out: "queue.Queue[Any]", work: Callable[..., None]) -> None:
        while (item := given.get()) is not None:
            work(*item)
            out.put(item)
        out.put(None)

    threads = [
        threading.Thread(target=read),
        threading.Thread(target=each, args=(frames, found, find)),
        threading.Thread(target=each, args=(found, named, namer.name)),
    ]
    for thread in threads:
        thread.start()
    while (item := named.get()) is not None:
        writer.draw(*item)
    for thread in threads:
        thread.join()
    writer.close()


if __name__ == "__main__":
    main()
