"""The processes of a run: started, watched, and replaced when they end."""
