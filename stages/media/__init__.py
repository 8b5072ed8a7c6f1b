"""Reading films, images and streams: what a uri means, decoding, time stamps. Knows nothing of the graph."""
