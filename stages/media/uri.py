"""What a uri means, decided in this one place, and how it may be shown."""

import enum
import re
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
STREAM_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "http", "https", "udp", "srt"})
SECRET_KEYS = "password|passwd|pass|pwd|token|secret|key"


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
    path = local_path(uri)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES or is_glob(uri):
        return Kind.IMAGES
    return Kind.FILM


def is_glob(uri: str) -> bool:
    """Say whether `uri` is a pattern for several files rather than the name of one."""
    return any(sign in uri for sign in "*?[") and not local_path(uri).exists()


def is_image(uri: str) -> bool:
    """Say whether `uri` names one still image on a disk: a segment of one frame."""
    return scheme_of(uri) in ("", "file") and local_path(uri).suffix.lower() in IMAGE_SUFFIXES


def local_path(uri: str) -> Path:
    """Return the path that a file:// uri or a plain path names."""
    return Path(uri.removeprefix("file://"))


def without_password(uri: str) -> str:
    """Return `uri` as it may be shown and written: without user, password and secret query values.

    A plain path is returned as it is.
    """
    if not scheme_of(uri):
        return uri
    scheme, rest = uri.split("://", 1)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        rest = rest[authority.rindex("@") + 1 :]
    elif "@" in rest and not re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d+)?", authority):
        # A password with an unescaped "/" in it: what stands before the "/" is no host and port.
        rest = rest[rest.rindex("@") + 1 :]
    rest = re.sub(rf"(?i)([?&](?:{SECRET_KEYS})=)[^&#]*", r"\1***", rest)
    return f"{scheme}://{rest}"
