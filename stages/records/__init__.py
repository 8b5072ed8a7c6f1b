"""The JSON Schema of the lines that json_sink and events_sink write, and the reference made from it."""
