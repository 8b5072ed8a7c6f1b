"""`make bench`: speed of the graph, side by side with other ways to do the same. One file per row."""

from fashion_pipeline import STAGES
from framegraph.graph.registry import add_library

add_library(STAGES)
