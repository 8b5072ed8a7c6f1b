"""Graphs with cameras in them, written as a user would."""

from pathlib import Path
from typing import Any

import yaml

from tests.system.graphs import CHEAP


def camera_graph(folder: Path, cameras: dict[str, dict[str, Any]], **work: Any) -> Path:
    """Write a graph of cameras into one worker and a results file for each; `work`: the worker's properties."""
    stages: dict[str, dict[str, Any]] = {
        name: {"type": "source", **properties} for name, properties in cameras.items()
    }
    stages["look"] = {"type": "cheap_stages.Look"}
    stages["look"] |= {name.replace("_", "-"): value for name, value in work.items()}
    stages["results"] = {"type": "json_sink", "location": "out/{source}.jsonl"}
    links = [*(f"{name} ! look" for name in cameras), "look ! results"]
    path = folder / "cameras.yaml"
    path.write_text(yaml.safe_dump({"stages": stages, "links": links, "ledger": "out/ledger.json"}))
    (folder / "cheap_stages.py").write_text((CHEAP / "cheap_stages.py").read_text())
    return path
