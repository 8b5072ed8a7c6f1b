"""The films of a folder or glob, each an input of its own."""

from __future__ import annotations

from pathlib import Path

from fashion_pipeline.stages.media.images import list_images, named_files
from fashion_pipeline.stages.media.uri import FILM_SUFFIXES, Kind, is_glob, kind_of, local_path


def list_films(uri: str) -> list[Path]:
    """Return the films in the folder that `uri` names, or those that its glob matches; none for one input.

    In natural order: "take9.mp4" before "take10.mp4". Known by their extension; hidden files are left out. A
    film that has several names, by links, is listed once.
    """
    if kind_of(uri) is not Kind.IMAGES:
        return []
    once: dict[tuple[int, int], Path] = {}
    for path in named_files(uri):
        if path.suffix.lower() in FILM_SUFFIXES:
            found = path.stat()
            once.setdefault((found.st_dev, found.st_ino), path)
    return list(once.values())


def batch_of(uri: str) -> list[str]:
    """Return the inputs that are to be run one by one: the films of a folder or glob, or a glob of images in
    nested folders, which stays one input; none for anything else."""
    if films := list_films(uri):
        return [str(path) for path in films]
    is_nested = kind_of(uri) is Kind.IMAGES and is_glob(uri) and "**" in local_path(uri).parts
    return [uri] if is_nested else []


def why_mixed(uri: str) -> str:
    """Return why a folder or glob of films cannot be run: there are images too; else ""."""
    films = list_films(uri)
    images = list_images(uri) if films else []
    if not images:
        return ""
    pattern = local_path(uri) if is_glob(uri) else local_path(uri) / "*"
    choices = " or ".join(f"{pattern.with_name(f'*{path.suffix}')}" for path in (films[0], images[0]))
    return f"{len(films)} films and {len(images)} images are there; name the ones you mean, e.g. {choices}"
