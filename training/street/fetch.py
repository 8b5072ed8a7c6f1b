"""Get the two public sets of photos: `python -m training.street.fetch --yes`, or `make data-street YES=1`.

Clothing Co-Parsing (its 1,094 photos with tags; those with outlines are left for measuring) and
clothing-dataset-small. GitHub lists the files of both with their sizes and digests: each file is checked, a
whole one is not fetched again, so the same command goes on after a stop. Without --yes nothing is fetched.
"""

# Not by pooch: it wants checksums that are known beforehand, and knows not git's, which GitHub lists; it has
# no limit of size, and fetches one file after another.

import argparse
import hashlib
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fashion_pipeline.fashion.whole_files import write_whole
from fashion_pipeline.training.data import DataError
from fashion_pipeline.training.street.data import DOWNLOAD_FOLDER, FOLDERS
from fashion_pipeline.training.street.tags import write_tagged

ENVIRONMENT = "BASE_URL"  # a server laid out as both of GitHub's: /repos/… and /OWNER/NAME/BRANCH/PATH
API_URL = "https://api.github.com"
RAW_URL = "https://raw.githubusercontent.com"
SILENCE_LIMIT_S = 60.0
"""Give up on a server that sends nothing for this long."""
TRIES = 3
CONNECTIONS = 8
MAX_BYTES = 64 << 20
"""No file of the two sets is a tenth of that; a server that lists a larger one lists something else."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A repository, which of its files are wanted, and how many these are.

    folders: the files right inside these are wanted; files: and these.
    """

    name: str
    repository: str
    licence: str
    folders: tuple[str, ...]
    files: tuple[str, ...] = ()
    first: str = ""
    expected: int
    branch: str = "master"


SOURCES = (
    Source(
        name="street",
        repository="bearpaw/clothing-co-parsing",
        licence="Apache-2.0",
        folders=("annotations/image-level", "photos"),
        files=("label_list.mat",),
        first="1005",  # the photos before have outlines in place of tags
        expected=2 * 1094 + 1,
    ),
    Source(
        name="clothing",
        repository="alexeygrigorev/clothing-dataset-small",
        licence="CC0",
        folders=tuple(f"{part}/{name}" for part in ("train", "validation") for name in FOLDERS),
        expected=3068 + 341,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A file as the server lists it; sha1 is that of git's blob."""

    path: str
    size: int
    sha1: str


def listing(source: Source) -> list[Listed]:
    """List the wanted files of a repository. Raises DataError if their number is not the expected one."""
    base = os.environ.get(ENVIRONMENT) or API_URL
    url = f"{base.rstrip('/')}/repos/{source.repository}/git/trees/{source.branch}?recursive=1"
    try:
        answer: Any = json.loads(_get(url))
        found = [
            Listed(path=str(entry["path"]), size=int(entry["size"]), sha1=str(entry["sha"]))
            for entry in answer["tree"]
            if entry["type"] == "blob" and _is_wanted(source, str(entry["path"]))
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{url}: not a listing of files ({error!r}); check {ENVIRONMENT}") from error
    if len(found) != source.expected:
        raise DataError(
            f"{url}: lists {len(found)} files of {source.repository} that are wanted, expected "
            f"{source.expected}; the set has changed, or {ENVIRONMENT} names another server"
        )
    too_large = next((file for file in found if file.size > MAX_BYTES), None)
    if too_large:
        raise DataError(f"{url}: {too_large.path} has {too_large.size} bytes; that is none of the photos")
    return found


def _is_wanted(source: Source, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    is_inside = folder in source.folders and ".." not in path and name >= source.first
    return path in source.files or (is_inside and name.endswith((".jpg", ".mat")))


def fetch(source: Source, files: Sequence[Listed], folder: Path) -> None:
    """Bring every file into `folder`, whole and as listed. Raises DataError for one that cannot be had."""
    wanted = [file for file in files if not _is_whole(folder / file.path, file)]
    total = sum(file.size for file in wanted)
    pool = ThreadPoolExecutor(CONNECTIONS)
    bar = tqdm(total=total, desc=source.name, unit="B", unit_scale=True, disable=None)
    try:
        for done in as_completed([pool.submit(_fetch_one, source, file, folder) for file in wanted]):
            bar.update(done.result())
    finally:
        pool.shutdown(cancel_futures=True)  # after an error no further file is begun
        bar.close()


def _fetch_one(source: Source, file: Listed, folder: Path) -> int:
    base = os.environ.get(ENVIRONMENT) or RAW_URL
    url = f"{base.rstrip('/')}/{source.repository}/{source.branch}/{urllib.parse.quote(file.path)}"
    content = _get(url)
    if _sha1(content) != file.sha1:
        raise DataError(
            f"{url}: sent {len(content)} bytes that are not the file listed ({file.size} bytes, git sha1 "
            f"{file.sha1}); nothing of it was kept, run the same command again"
        )
    (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
    write_whole(folder / file.path, content)
    return file.size


def _get(url: str) -> bytes:
    """Return what a server sends. Raises DataError if it cannot be reached, says no, or stops early."""
    problem: object = None
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(url, timeout=SILENCE_LIMIT_S) as response:
                content: bytes = response.read(MAX_BYTES)
                return content
        except urllib.error.HTTPError as error:
            error.close()
            problem = error
            if error.code < 500:  # it will say the same again
                break
        except (OSError, HTTPException) as error:
            problem = getattr(error, "reason", None) or repr(error)
    raise DataError(f"{url}: {problem}; what is whole was kept, run the same command again")


def _is_whole(path: Path, file: Listed) -> bool:
    return path.is_file() and path.stat().st_size == file.size and _sha1(path.read_bytes()) == file.sha1


def _sha1(content: bytes) -> str:
    """The digest by which git, and so the listing, names a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Show what would come from where and, with the user's consent, fetch it. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.street.fetch", description=__doc__)
    parser.add_argument("--yes", action="store_true", help="fetch; without it, only say what and how much")
    parser.add_argument("--folder", type=Path, default=DOWNLOAD_FOLDER, help="where the two sets go")
    options = parser.parse_args(arguments)
    try:
        listings = {source: listing(source) for source in SOURCES}
        for source, files in listings.items():
            size_mb = sum(file.size for file in files) / 1e6
            print(
                f"{source.name}: {len(files)} files, {size_mb:.1f} MB, from "
                f"https://github.com/{source.repository}, {source.licence}, to {options.folder / source.name}"
            )
        if not options.yes:
            print("nothing was fetched; `make data-street YES=1` gets it")
            return 0
        for source, files in listings.items():
            fetch(source, files, options.folder / source.name)
        count = write_tagged(options.folder / "street")
    except DataError as error:
        print(f"street: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # the network's have become DataError
        print(
            f"street: {error.filename or options.folder}: {error.strerror}; what is whole was kept: "
            "make room, or mend what is in the way, and run the same command again",
            file=sys.stderr,
        )
        return 1
    print(f"wrote {options.folder}: both sets are whole; {count} street photos have their labels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
