"""Text that need not be UTF-8: names of files are bytes, and travel in text as surrogates (PEP 383)."""


def utf8_of(text: str) -> bytes:
    """Return a text as UTF-8, for a file that others read: what of a file's name is none is U+FFFD there."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()
