"""`python -m fashion_pipeline`: the same as the command `fashion-pipeline`."""

from fashion_pipeline.command import run_as_program

run_as_program()
