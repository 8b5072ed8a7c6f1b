"""The preview's parts: the newest picture of each source, the page, the server."""
