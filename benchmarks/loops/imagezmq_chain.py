"""imagezmq: a process for each step, REQ/REP over TCP as its examples do, findings as JSON in the message."""

import json
import multiprocessing as mp
import socket
from collections.abc import Iterator

import imagezmq
import numpy as np

from benchmarks.loops.parts import Film, Finder, Namer, arguments, decoded
from fashion_pipeline.fashion.findings import Person

END = "end"
BLANK = np.zeros((1, 1, 3), np.uint8)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def received(port: int) -> Iterator[tuple[list[Person], np.ndarray]]:
    with imagezmq.ImageHub(open_port=f"tcp://127.0.0.1:{port}") as hub:
        while True:
            said, image_bgr = hub.recv_image()
            hub.send_reply(b"OK")
            if said == END:
                return
            yield json.loads(said), image_bgr


def read(film: str, out: int) -> None:
    with imagezmq.ImageSender(connect_to=f"tcp://127.0.0.1:{out}") as sender:
        for image_bgr in decoded(film):
            sender.send_image("[]", image_bgr)
        sender.send_image(END, BLANK)


def find(given: int, out: int) -> None:
    finder = Finder()
    with imagezmq.ImageSender(connect_to=f"tcp://127.0.0.1:{out}") as sender:
        for _people, image_bgr in received(given):
            sender.send_image(json.dumps(finder.find(image_bgr)), image_bgr)
        sender.send_image(END, BLANK)


def name(given: int, out: int) -> None:
    namer = Namer()
    with imagezmq.ImageSender(connect_to=f"tcp://127.0.0.1:{out}") as sender:
        for people, image_bgr in received(given):
            namer.name(image_bgr, people)
            sender.send_image(json.dumps(people), image_bgr)
        sender.send_image(END, BLANK)


def main() -> None:
    film, output = arguments()
    ports = free_ports(3)
    steps = [
        mp.Process(target=read, args=(film, ports[0]), daemon=True),
        mp.Process(target=find, args=(ports[0], ports[1]), daemon=True),
        mp.Process(target=name, args=(ports[1], ports[2]), daemon=True),
    ]
    for step in steps:
        step.start()
    writer = Film(output)
    for people, image_bgr in received(ports[2]):
        writer.draw(image_bgr, people)
    for step in steps:
        step.join()
    writer.close()


if __name__ == "__main__":
    main()
