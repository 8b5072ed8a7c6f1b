"""Messages between processes, outlets and inlets with credit, status pages."""
