"""framegraph knows nothing of video, people or fashion: what a payload shows is for stages to know."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "framegraph"
FILES = sorted(path.relative_to(FOLDER) for path in FOLDER.rglob("*") if path.suffix in (".py", ".txt"))
FIELD = re.compile(
    r"people|person|garment|fashion|film|video|camera|picture|bgr|cv2|rtsp|mp4|jpe?g|torch", re.I
)
EXCEPTIONS = {
    # The name under which graphs of pictures have their payload.
    "packet.py": ["image_bgr"],
    "stage.py": ["image_bgr"],
    # The name of the source of a packet that a test makes.
    "testing.py": ['"camera"'],
    # The option that asks how many cameras a machine can take.
    "tools/commands/plan.py": ["cameras", "camera"],
}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_no_word_of_a_field_is_in_framegraph(file: Path) -> None:
    text = (FOLDER / file).read_text(encoding="utf-8")
    for known in EXCEPTIONS.get(str(file), []):
        assert known in text, f"{known} is no exception any more"
        text = text.replace(known, "")
    found = [
        f"{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if FIELD.search(line)
    ]
    assert not found
