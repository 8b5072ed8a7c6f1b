"""Playlists of strangers: they may name what lies beside them."""

from pathlib import Path

import pytest

from fashion_pipeline.stages.media.checks import check_uri
from fashion_pipeline.stages.media.playlist import why_not_played
from framegraph.errors import GraphError

LIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "../other.ts",
        "sub/../../other.ts",
        "concat:a.ts|/etc/passwd",
        "http://elsewhere/a.ts",
        "subfile,,start,0,end,0,,:/etc/passwd",
        "\\\\host\\share",
        "data:text/plain,x",
    ],
)
def test_a_list_that_names_something_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(LIST.format(name))
    assert f"names {name}" in why_not_played(playlist)
    with pytest.raises(GraphError, match="does not lie beside it"):
        check_uri(str(playlist))


@pytest.mark.parametrize("name", ["a.ts", "sub/b.ts", "sub/c d.ts?x=1"])
def test_what_lies_beside_it_may_be_named(tmp_path: Path, name: str) -> None:
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(LIST.format(name))
    assert why_not_played(playlist) == ""


def test_keys_maps_and_lists_of_lists_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "inner.m3u8").write_text(LIST.format("/etc/hostname"))
    (tmp_path / "outer.m3u8").write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\ninner.m3u8\n")
    assert "names /etc/hostname" in why_not_played(tmp_path / "outer.m3u8")
    (tmp_path / "key.m3u8").write_text('#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="/etc/shadow"\na.ts\n')
    assert "names /etc/shadow" in why_not_played(tmp_path / "key.m3u8")
    (tmp_path / "self.m3u8").write_text("#EXTM3U\nself.m3u8\n")
    assert why_not_played(tmp_path / "self.m3u8") == ""


def test_what_is_no_playlist_is_no_business_of_it(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"/etc/passwd")
    (tmp_path / "notes.m3u8").write_text("/etc/passwd\n")
    assert why_not_played(tmp_path / "film.mp4") == why_not_played(tmp_path / "notes.m3u8") == ""
    assert why_not_played(tmp_path / "none.m3u8") == ""
