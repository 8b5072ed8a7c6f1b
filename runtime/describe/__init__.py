"""What the tool tells about itself, all read from the declarations: inspect, drawings, schema, reference."""
