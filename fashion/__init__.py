"""What training and stages share: labels, findings, networks, preprocessing and model files.

No module here imports a heavy library at its top: torch and OpenCV are imported by the functions
that need them, so that checking a graph is fast and needs none of them.
"""
