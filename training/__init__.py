"""Training: data, recipes, the loop, and the evaluation of the models that the pipeline uses."""
