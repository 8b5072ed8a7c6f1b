"""What is expected of people where the model will be used."""

import numpy as np

from fashion_pipeline.fashion.labels import LABELS
from fashion_pipeline.training.street.judge import EXPECTED_SHARES, expected_shares


def test_rare_labels_are_taken_to_be_rarer_and_t_shirts_are_as_told():
    worn = np.zeros((100, 10), bool)
    worn[:10, LABELS.index("Sneaker")] = True
    worn[:60, LABELS.index("Bag")] = True
    worn[:33, LABELS.index("T-shirt/top")] = True

    shares = dict(zip(LABELS, expected_shares(worn), strict=True))

    assert (shares["Sneaker"], shares["Bag"]) == (0.05, 0.6)
    assert shares["T-shirt/top"] == EXPECTED_SHARES["T-shirt/top"]
