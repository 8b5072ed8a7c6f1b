"""The meaning of a uri, decided in this one place."""

import enum
import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".jp2", ".avif"}
)
STILL_IN_FOLDER = frozenset({".gif"})
"""A film on its own, but an image in a folder of images."""
STREAM_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "http", "https", "tcp", "udp", "v4l2"})


HTTP = frozenset({"http", "https"})
FILM_SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".flv"),
        *(".wmv", ".ogv", ".3gp", ".vob", ".mxf"),
    }
)


class Kind(enum.Enum):
    """The kinds of input; each has its own reader."""

    FILM = "film"
    IMAGES = "images"
    STREAM = "stream"


def scheme_of(uri: str) -> str:
    """Return the scheme before "://" in small letters, or "" for a plain path."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", uri)
    return match[1].lower() if match else ""


def kind_of(uri: str) -> Kind:
    """Return how to read `uri`, by its text and the disk. Raises ValueError for an unknown scheme.

    An existing file is never a glob, so a film may be named "a[1].mp4".
    """
    scheme = scheme_of(uri)
    if scheme in STREAM_SCHEMES:
        return Kind.STREAM
    if scheme not in ("", "file"):
        known = ", ".join(f"{name}://" for name in sorted(STREAM_SCHEMES))
        raise ValueError(f"'{scheme}://' is not known; give a path, a glob, file:// or one of {known}")
    if is_webcam(uri):
        return Kind.STREAM
    path = local_path(uri)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES or is_glob(uri):
        return Kind.IMAGES
    return Kind.FILM


def is_webcam(uri: str) -> bool:
    """Return whether `uri` names a Video4Linux device: 0, /dev/video0 or v4l2:///dev/video0."""
    return scheme_of(uri) == "v4l2" or uri.startswith("/dev/video") or _is_number_of_webcam(uri)


def webcam_device(uri: str) -> str:
    """Return the device of a webcam's uri."""
    return f"/dev/video{uri}" if _is_number_of_webcam(uri) else uri.removeprefix("v4l2://")


def _is_number_of_webcam(uri: str) -> bool:
    return uri.isdecimal() and not os.path.lexists(uri)


def is_glob(uri: str) -> bool:
    """Return whether `uri` is a pattern for several files rather than the name of one."""
    return any(sign in uri for sign in "*?[") and not local_path(uri).exists()


def is_image(uri: str) -> bool:
    """Return whether `uri` names one still image on a disk: a segment of one frame."""
    return scheme_of(uri) in ("", "file") and local_path(uri).suffix.lower() in IMAGE_SUFFIXES


def looks_live(uri: str) -> bool:
    """Return whether `uri` names a live input, judging by its text: for an http address only the first
    connection can tell."""
    if kind_of(uri) is not Kind.STREAM:
        return False
    is_film = Path(urlsplit(uri).path).suffix.lower() in FILM_SUFFIXES
    return not (scheme_of(uri) in HTTP and is_film)


def is_local_file(uri: str) -> bool:
    """Return whether `uri` names a file on a local disk."""
    return scheme_of(uri) in ("", "file") and not is_webcam(uri) and local_path(uri).is_file()


def openable(path: Path) -> str:
    """Return a name by which FFmpeg opens a file, whatever it is called: the part before a colon is not taken
    for a protocol."""
    whole = os.path.abspath(path)
    try:
        whole.encode()
    except UnicodeEncodeError:
        # PyAV takes UTF-8 only; the file can also be opened through its descriptor.
        return f"/proc/self/fd/{os.open(path, os.O_RDONLY)}"
    return whole


def local_path(uri: str) -> Path:
    """Return the path that a file:// uri or a plain path names. A file:// uri is percent-encoded, and may
    name this host; one that is written as the file is called is taken so too."""
    if scheme_of(uri) != "file":
        return Path(uri)
    plain = re.sub(r"(?i)^file://(localhost(?=/))?", "", uri)
    decoded = os.fsdecode(unquote_to_bytes(plain))
    return Path(plain) if os.path.lexists(plain) and not os.path.lexists(decoded) else Path(decoded)
