"""Parts of the preview: the newest picture of each source, the page, the server."""
