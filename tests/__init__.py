"""Tests and drills, whose graphs name the stages of this project."""

import os

# As `framegraph.graph.registry.add_library` does, without importing anything.
os.environ.setdefault("FRAMEGRAPH_STAGES", "fashion_pipeline.stages")
