"""Files that local playlists may name: a stranger's list must not open its reader's files."""

import re
from pathlib import Path, PurePosixPath

SUFFIXES = (".m3u8", ".m3u")
HEAD = b"#EXTM3U"
MAX_BYTES = 4_000_000
MAX_DEPTH = 4
_ATTRIBUTE = re.compile(r'URI="([^"]*)"')


def why_not_played(path: Path, depth: int = 0) -> str:
    """Return why a playlist is refused: it names something outside its folder; "" if it may be played.

    Allowed are names in its folder and below it; in lists of lists as well.
    """
    try:
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            return ""
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError:
        return ""
    if not content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(HEAD):
        return ""
    if len(content) > MAX_BYTES:
        return f"{path} is a playlist of more than {MAX_BYTES} bytes"
    for line in content.decode("utf-8", "replace").splitlines():
        names = _ATTRIBUTE.findall(line) if line.startswith("#") else [line.strip()]
        for name in filter(None, names):
            if name.startswith(("/", "\\")) or ":" in name.split("/")[0] or ".." in PurePosixPath(name).parts:
                return f"{path} names {name[:200]}, which does not lie beside it"
            nested = why_not_played(path.parent / name, depth + 1) if depth < MAX_DEPTH else ""
            if nested:
                return nested
    return ""
