"""What processes say to each other: messages, outlets and inlets with credit, status pages."""
