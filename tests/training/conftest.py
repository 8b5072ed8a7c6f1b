import gzip
import hashlib
from pathlib import Path

import pytest
import torch

from fashion_pipeline.training import evaluate
from fashion_pipeline.training.data import FILES, SUMS_FILE, DataSet, load

SLICE = Path(__file__).parents[1] / "data" / "fashion-mnist"


@pytest.fixture(scope="session")
def data() -> DataSet:
    """1,000 + 500 real pictures."""
    return load(SLICE)


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the first 256 + 100 of them: two steps an epoch."""
    folder = tmp_path_factory.mktemp("small-set")
    sums = []
    for name in FILES:
        count = 256 if name.startswith("train") else 100
        whole = gzip.decompress((SLICE / name).read_bytes())
        # Type of the values, number of dimensions, size of each, values.
        head_bytes, each_bytes = (16, 28 * 28) if "images" in name else (8, 1)
        content = whole[:4] + count.to_bytes(4, "big") + whole[8 : head_bytes + count * each_bytes]
        (folder / name).write_bytes(gzip.compress(content))
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (folder / SUMS_FILE).write_text("".join(sums))
    return folder


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No test writes into a user's cache, or depends on it."""
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("FASHION_MNIST", str(SLICE))


@pytest.fixture(autouse=True)
def short_timing(monkeypatch):
    """How fast a network is is measured in two rounds of a batch: no test looks at the figure."""
    monkeypatch.setattr(evaluate, "TIMED_ROUNDS", 1)
    monkeypatch.setattr(evaluate, "TIMED_PICTURES", evaluate.TIMED_BATCH)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Small networks on small data gain nothing from more, and other tests may run beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
