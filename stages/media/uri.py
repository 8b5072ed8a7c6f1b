"""What a uri means, decided in this one place."""

import enum
import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
STREAM_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "http", "https", "tcp", "udp", "v4l2"})


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
    """Say how `uri` is to be read; only the disk is looked at. Raises ValueError for an unknown scheme.

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
    """Say whether `uri` names a Video4Linux device: /dev/video0 or v4l2:///dev/video0."""
    return scheme_of(uri) == "v4l2" or uri.startswith("/dev/video")


def is_glob(uri: str) -> bool:
    """Say whether `uri` is a pattern for several files rather than the name of one."""
    return any(sign in uri for sign in "*?[") and not local_path(uri).exists()


def is_image(uri: str) -> bool:
    """Say whether `uri` names one still image on a disk: a segment of one frame."""
    return scheme_of(uri) in ("", "file") and local_path(uri).suffix.lower() in IMAGE_SUFFIXES


def is_local_file(uri: str) -> bool:
    """Say whether `uri` names a file that is on a disk here."""
    return scheme_of(uri) in ("", "file") and not is_webcam(uri) and local_path(uri).is_file()


def local_path(uri: str) -> Path:
    """Return the path that a file:// uri or a plain path names. A file:// uri is percent-encoded, and may
    name this host; one that is written as the file is called is taken so too."""
    if scheme_of(uri) != "file":
        return Path(uri)
    plain = re.sub(r"(?i)^file://(localhost(?=/))?", "", uri)
    decoded = os.fsdecode(unquote_to_bytes(plain))
    return Path(plain) if os.path.lexists(plain) and not os.path.lexists(decoded) else Path(decoded)
