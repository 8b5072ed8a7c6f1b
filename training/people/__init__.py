"""How well people are found and followed, against a film with truth."""
