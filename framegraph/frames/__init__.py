"""The frames that a source owns until every sink has acknowledged them."""
