"""The ten labels of Fashion-MNIST."""

# In the order of the data set's own numbers, so a class number is an index into this tuple.
LABELS: tuple[str, ...] = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
