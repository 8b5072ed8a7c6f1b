"""Reading films, images and streams: what a uri means, decoding, time stamps. Knows nothing of the graph."""

BGR = "video/x-raw, format=BGR"
"""The format of payloads in all graphs of these stages: pictures, uint8, height x width x 3, blue first."""
