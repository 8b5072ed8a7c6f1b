"""Names with any sign in them, on their way to people."""

import pytest

from framegraph.support.report import Report
from framegraph.support.texts import as_one_entry, in_one_line, printable

NASTY = "film\n12:00:00 ERROR   launcher     all is lost\x1b[2J\x07\r\u202egp4.\udcff.mp4"


def test_a_name_is_one_line_without_control_characters() -> None:
    shown = in_one_line(NASTY)
    assert shown.startswith("film\\n12:00:00 ERROR")
    assert not any(sign in shown for sign in "\n\x1b\x07\r\u202e")
    assert "\\x1b[2J" in shown


@pytest.mark.parametrize("text", ["größe…\tüber", "two\nlines", "emoji 🎥"])
def test_what_people_write_stays(text: str) -> None:
    assert printable(text) == text


def test_no_line_of_an_entry_looks_like_an_entry() -> None:
    written: list[str] = []
    report = Report(lambda _level, line: written.append(line), "INFO")
    report.log("camera", "INFO", f"opening {NASTY}")
    report.log("camera", "INFO", "a traceback\n    already indented\nnot")
    first, *more = written[0].split("\n")
    assert "camera" in first
    assert all(line.startswith("    ") for line in more)
    assert "\x1b" not in written[0]
    assert as_one_entry("a\n    b\nc") == "a\n    b\n    c"
