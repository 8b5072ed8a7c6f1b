#!/usr/bin/env python3
"""Run a graph of stages as processes: `python launcher.py pipeline.yaml`."""

from fashion_pipeline.command import COMMANDS, main, run_as_program

__all__ = ["COMMANDS", "main"]

if __name__ == "__main__":
    run_as_program()
