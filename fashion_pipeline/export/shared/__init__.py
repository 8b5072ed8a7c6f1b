"""What the formats share: reading and checking of records, and outputs that come whole or not at all."""
