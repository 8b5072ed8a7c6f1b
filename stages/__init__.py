"""The workers: one file, one class, one process each. A stage imports no other stage.

`media` and `detectors` hold what stages need to read pictures and to find people; no stage is defined there.
"""
