"""Damage: what bytes look like that were cut, changed, mixed, or never were what they claim to be."""

import random


def damaged(chooser: random.Random, valid: list[bytes]) -> bytes:
    """Return bytes made of valid ones in one of nine ways; now and then they are valid all the same."""
    data = bytearray(chooser.choice(valid))
    match chooser.randrange(9):
        case 0:
            del data[chooser.randrange(len(data) + 1) :]
        case 1:
            for _ in range(chooser.randint(1, 8)):
                if data:
                    data[chooser.randrange(len(data))] ^= 1 << chooser.randrange(8)
        case 2:
            at = chooser.randrange(len(data) + 1)
            data[at:at] = chooser.randbytes(chooser.randint(1, 40))
        case 3:
            other = chooser.choice(valid)
            data = bytearray(data[: len(data) // 2] + other[len(other) // 2 :])
        case 4:
            data = bytearray(chooser.randbytes(chooser.randrange(300)))
        case 5:
            at = chooser.randrange(len(data) + 1)
            del data[at : at + chooser.randint(1, 30)]
        case 6:
            at = chooser.randrange(max(1, len(data) - 8))
            data[at : at + 8] = chooser.choice(
                [b"\xff" * 8, b"\0" * 8, b"\x7f" + b"\xff" * 7, b"\x80" + b"\0" * 7]
            )
        case 7:
            data = data + data
        case _:
            pass
    return bytes(data)


WORDS = [
    *(
        "rtsp://",
        "http://u:p@h/",
        "://",
        "@",
        "?",
        "&",
        "=",
        "password=",
        "api_key=",
        "%",
        "%2",
        "%zz",
        "${A}",
    ),
    *(
        "${file:",
        "/",
        "//",
        "\\",
        "\n",
        "\r",
        "\x1b[2J",
        "\0",
        "\u202e",
        "\udcff",
        "ß",
        "🎥",
        " ",
        "'",
        '"',
        "<",
        "a" * 50,
    ),
    *(":", ";", "#", "[::1]", "1" * 30, "-1", "{source}", "..", "~/"),
]


def text(chooser: random.Random) -> str:
    """Return a text of pieces that have a meaning somewhere."""
    return "".join(chooser.choice(WORDS) for _ in range(chooser.randrange(25)))
