"""Sets of labels: a model file names its own; the shipped models have the ten of Fashion-MNIST."""

from collections.abc import Mapping, Sequence

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
REGIONS = {
    "T-shirt/top": "upper",
    "Pullover": "upper",
    "Coat": "upper",
    "Shirt": "upper",
    "Dress": "whole",
    "Trouser": "lower",
    "Sandal": "feet",
    "Sneaker": "feet",
    "Ankle boot": "feet",
    "Bag": "hands",
}
"""The part of the body on which each of the ten is worn."""
KNOWN_REGIONS = ("upper", "whole", "lower", "feet", "hands")
"""From head to foot, in reading order; hands last."""
MAX_LABELS, MAX_LABEL_LETTERS = 1000, 100


def check_labels(labels: Sequence[object]) -> None:
    """Raise ValueError unless these can be the labels of a model: words, each once, and not too many."""
    if not 2 <= len(labels) <= MAX_LABELS:
        raise ValueError(f"labels must be 2 to {MAX_LABELS}, got {len(labels)}")
    for label in labels:
        if not isinstance(label, str) or not label.strip() or not label.isprintable():
            raise ValueError(f"labels must be words, got {str(label)[:40]!r}")
        if len(label) > MAX_LABEL_LETTERS:
            raise ValueError(f"a label may have {MAX_LABEL_LETTERS} letters, '{label[:9]}…' has {len(label)}")
    twice = next((label for place, label in enumerate(labels) if label in labels[:place]), None)
    if twice is not None:
        raise ValueError(f"labels must differ, '{twice}' is there twice")


def regions_of(labels: Sequence[str], named: Mapping[str, object]) -> tuple[str, ...]:
    """Return the region of each label: the named one, else that of Fashion-MNIST's label, else "whole".
    ValueError for a region or a label that is not known."""
    for label, region in named.items():
        if label not in labels:
            raise ValueError(f"regions: there is no label '{label}'")
        if region not in KNOWN_REGIONS:
            raise ValueError(f"regions: '{label}' is worn on {', '.join(KNOWN_REGIONS)}, got '{region}'")
    return tuple(str(named.get(label, REGIONS.get(label, "whole"))) for label in labels)
