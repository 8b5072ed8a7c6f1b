"""The networks that `detect` can run: one file a back end, found by being here."""
