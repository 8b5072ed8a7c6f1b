"""Train the model that says which of the ten garments a person in a picture wears, and where."""
