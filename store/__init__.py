"""What was seen, in a database: its schema, who writes it, and what can be asked."""
