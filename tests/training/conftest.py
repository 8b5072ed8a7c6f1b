from pathlib import Path

import pytest
import torch

from fashion_pipeline.training.data import DataSet, load

SLICE = Path(__file__).parents[1] / "data" / "fashion-mnist"


@pytest.fixture(scope="session")
def data() -> DataSet:
    """1,000 + 500 real pictures."""
    return load(SLICE)


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No test writes into a user's cache, or depends on it."""
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("FASHION_MNIST", str(SLICE))


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small networks on small data gain nothing from more, and other tests may run beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
