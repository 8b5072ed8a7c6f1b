"""Checks of an input before anything is opened: whether it can be played, and whether it has changed."""

import difflib
import hashlib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from fashion_pipeline.stages.media.films import list_films, why_mixed
from fashion_pipeline.stages.media.images import list_images, unread_images
from fashion_pipeline.stages.media.playlist import why_not_played
from fashion_pipeline.stages.media.uri import Kind, is_glob, kind_of, local_path
from framegraph.errors import GraphError

TEXT_SAMPLE_BYTES = 1024
END_BYTES = 1 << 16
_PRINTF = re.compile(r"%0?\d*d")
VIDEO_PAGES = ("youtube.com", "youtu.be", "vimeo.com", "twitch.tv")
WITH_HOST = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps")
WITH_PORT = ("udp", "tcp", "rtp")
"""These listen on a port, or name one: udp://:5000 has no host and is right."""


def check_uri(uri: str) -> None:
    """Raise GraphError, with the remedy, for a uri that names nothing playable.

    Streams are not connected to: the camera may come up later.
    """
    if not uri:
        raise GraphError("uri is empty; give a film, an image, a folder of them or a camera's address")
    try:
        kind = kind_of(uri)
    except ValueError as error:
        raise GraphError(f"uri: {error}") from None
    except OSError as error:
        raise GraphError(f"uri: {uri[:200]}: {error.strerror}; name another file") from None
    if kind is Kind.STREAM:
        _check_address(uri)
    elif why := why_not_played(local_path(uri)):
        raise GraphError(f"{why}; list only files in the playlist's own folder")
    if kind is Kind.IMAGES:
        _check_images(uri)
    elif kind is Kind.FILM:
        _check_film(uri)


def files_of(uri: str) -> list[Path]:
    """Return the files that playing `uri` reads; none for a stream."""
    kind = kind_of(uri)
    if kind is Kind.STREAM:
        return []
    return list_films(uri) or list_images(uri) if kind is Kind.IMAGES else [local_path(uri)]


def fingerprint(uri: str) -> str:
    """Return a digest of what `uri` names now: for a film its size and both ends, for images their names and
    sizes, so that a copy is the same input; "" for a stream. Raises OSError if a file cannot be read.
    """
    kind = kind_of(uri)
    if kind is Kind.STREAM:
        return ""
    digest = hashlib.sha256()
    if kind is Kind.IMAGES:
        for path in list_images(uri):
            digest.update(f"{path.name}\0{path.stat().st_size}\n".encode(errors="surrogateescape"))
    else:
        with local_path(uri).open("rb") as file:
            digest.update(file.read(END_BYTES))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - END_BYTES))
            digest.update(file.read() + str(size).encode())
    return digest.hexdigest()


def _check_address(uri: str) -> None:
    """Refuse an address that no camera can have, which would be retried for ever."""
    scheme = uri.partition("://")[0].lower()
    if scheme == "v4l2" and not uri.partition("://")[2]:
        raise GraphError("uri: the address names no device; write v4l2:///dev/video0")
    if scheme not in (*WITH_HOST, *WITH_PORT):
        return
    try:
        address = urlsplit(uri)
        has_host, port = bool(address.hostname), address.port
    except ValueError:  # its message may contain part of a password
        raise GraphError(f"uri: host or port is wrong; write {scheme}://HOST[:PORT]/PATH") from None
    if any(sign.isspace() for sign in address.netloc):
        raise GraphError(f"uri: the host has a blank in it; write {scheme}://HOST[:PORT]/PATH")
    if scheme in WITH_PORT and not port:
        raise GraphError(f"uri: the address names no port; write {scheme}://HOST:PORT or {scheme}://:PORT")
    host = (address.hostname or "").removeprefix("www.").removeprefix("m.")
    if host in VIDEO_PAGES:
        raise GraphError(
            f"uri: {host} gives a page, not a film; give the address of the stream itself, which e.g. "
            "`yt-dlp --get-url PAGE` prints"
        )
    if not has_host and scheme in WITH_HOST:
        raise GraphError(f"uri: the address names no host; write {scheme}://HOST[:PORT]/PATH")


def _check_images(uri: str) -> None:
    path = local_path(uri)
    if why := why_mixed(uri):
        raise GraphError(f"{uri}: {why}")
    if list_films(uri) or list_images(uri):
        return
    if is_glob(uri):
        raise GraphError(f"{uri}: matches no film and no image; check the pattern{_unread(uri)}")
    if pattern := _PRINTF.search(path.name):
        raise GraphError(
            f"{uri}: no such image; '{pattern[0]}' is a pattern of FFmpeg, a glob is expected here: "
            f"{path.with_name(_PRINTF.sub('*', path.name))}"
        )
    if path.is_dir():
        raise GraphError(
            f"{uri}: this folder has no films and no images in it (mp4, mkv, jpg, png, …){_unread(uri)}; for "
            f"those in folders below it give {path / '**'}"
        )
    raise GraphError(f"{uri}: no such image{_similar(uri)}")


def _unread(uri: str) -> str:
    """Return "; …" about pictures that exist but cannot be read."""
    unread = unread_images(uri)
    return f"; {len(unread)} have a format that is not read, e.g. {unread[0].name}" if unread else ""


def _check_film(uri: str) -> None:
    path = local_path(uri)
    try:
        if path.stat().st_size == 0:
            raise GraphError(f"{uri}: this film is empty (0 bytes); copy it again")
        with path.open("rb") as file:
            sample = file.read(TEXT_SAMPLE_BYTES)
    except FileNotFoundError:
        raise GraphError(f"{uri}: no such film{_similar(uri)}") from None
    except OSError as error:
        raise GraphError(f"{uri}: cannot be read: {error.strerror}") from None
    if _is_text(sample):
        raise GraphError(f"{uri}: is a text file, not a film; give a film, an image or a folder of them")


def _is_text(sample: bytes) -> bool:
    """Return whether a file begins like text. (Raw video with a text header soon stops being text.)"""
    text = sample.decode("utf-8", errors="replace").rstrip("\N{REPLACEMENT CHARACTER}")
    return (
        all(sign.isprintable() or sign in "\t\r\n\f" for sign in text)
        and "\N{REPLACEMENT CHARACTER}" not in text
    )


def _similar(uri: str) -> str:
    """Return "; did you mean 'x'?" if a file in the folder has a similar name, else a remedy."""
    path = local_path(uri)
    if not path.parent.is_dir():
        return f"; the folder '{path.parent}' does not exist either"
    close = difflib.get_close_matches(path.name, (file.name for file in path.parent.iterdir()), n=1)
    return f"; did you mean '{path.with_name(close[0])}'?" if close else "; set 'uri' to a file that exists"
