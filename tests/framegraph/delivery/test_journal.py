"""The journal of an ordered stage on a disk that is full for a while."""

import resource
import signal
from pathlib import Path

import pytest

from framegraph.delivery.journal import Journal


def answer(seq: int) -> dict[str, object]:
    return {"seq": seq, "is_gap": False, "highest_id": seq, "meta": {}}


def test_an_answer_that_found_no_room_hides_none_of_those_after_it(tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    journal = Journal(path, keep=10)
    journal.append(answer(0))
    size_bytes = Path(f"{path}.a").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # Room for half a record.
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes * 3 // 2, hard))
        with pytest.raises(OSError, match="File too large"):
            journal.append(answer(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert journal.find(1) is None
    journal.append(answer(2))
    journal.close()

    successor = Journal(path, keep=10)
    assert [successor.find(seq) is not None for seq in range(3)] == [True, False, True]
    successor.close()
