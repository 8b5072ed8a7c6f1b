"""What json_sink and events_sink write: the JSON Schema of their lines, and the reference made from it."""
