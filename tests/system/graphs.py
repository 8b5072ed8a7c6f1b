"""Small graphs of cheap stages, written as a user would write them."""

from pathlib import Path
from typing import Any

import yaml

CHEAP = Path(__file__).parent


def cheap_graph(
    folder: Path,
    *,
    frames: int = 50,
    ordered: bool = False,
    diary: dict[str, Any] | None = None,
    **stages: dict[str, Any],
) -> Path:
    """Write a graph counter ! work ! (film, results) into `folder`; `stages` adds properties by stage."""
    described: dict[str, dict[str, Any]] = {
        "counter": {"type": "cheap_stages.Counter", "frames": frames},
        "work": {"type": "cheap_stages.Work"},
        "results": {"type": "json_sink", "location": "out/results.jsonl"},
    }
    links = ["counter ! work ! results"]
    last = "work"
    if ordered:
        described["tally"] = {"type": "cheap_stages.Tally"}
        links, last = ["counter ! work ! tally ! results"], "tally"
    described["film"] = {"type": "video_sink", "location": "out/film.mp4", "preset": "ultrafast"}
    links.append(f"{last} ! film")
    if diary is not None:
        described["diary"] = {"type": "cheap_stages.Diary"}
        links.append(f"{last} ! diary")
        stages["diary"] = diary
    for name, properties in stages.items():
        described[name] |= {word.replace("_", "-"): value for word, value in properties.items()}
    path = folder / "graph.yaml"
    path.write_text(yaml.safe_dump({"stages": described, "links": links, "ledger": "out/ledger.json"}))
    (folder / "cheap_stages.py").write_text((CHEAP / "cheap_stages.py").read_text())
    return path


def is_joined(film: Path) -> bool:
    data = film.read_bytes()
    return b"mdat" in data and b"moof" not in data


def diary_of(folder: Path) -> list[str]:
    return (folder / "out/diary.txt").read_text().splitlines()
