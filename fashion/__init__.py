"""The agreement between training and stages: labels, findings, networks, preprocessing and model files.

Nothing here imports a heavy library when it is imported: torch, OpenCV and safetensors are imported by the
functions that need them, so that a check of a graph stays quick and needs none of them.
"""
