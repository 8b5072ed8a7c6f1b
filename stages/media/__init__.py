"""Reading of films, images and streams: uris, decoding, time stamps. Independent of the graph."""

BGR = "video/x-raw, format=BGR"
"""The format of payloads in all graphs of these stages: pictures, uint8, height x width x 3, blue first."""
