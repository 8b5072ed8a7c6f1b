"""A name that one source leaves and another takes."""

from types import SimpleNamespace
from typing import Any

import pytest

from framegraph.control.sources import Attachments
from framegraph.errors import GraphError
from framegraph.supervisor.state import RUNNING, STOPPING


class Untouchable:
    """A graph that may not be looked at yet."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError("the graph was changed")


@pytest.fixture
def attachments() -> Attachments:
    state: Any = SimpleNamespace(phase=RUNNING, graph=Untouchable())
    nobody: Any = None
    return Attachments(state, nobody, nobody, nobody)


def test_a_name_is_not_given_to_another_source_while_the_earlier_one_is_being_released(
    attachments: Attachments,
) -> None:
    attachments._being_released.add("door")
    attaching = attachments.attach("door", {"uri": "x"}, [])
    for _round in range(3):
        next(attaching)
    attachments._being_released.discard("door")
    with pytest.raises(LookupError, match="the graph was changed"):
        next(attaching)


def test_an_attach_that_waits_when_the_run_ends_is_refused(attachments: Attachments) -> None:
    attachments._being_released.add("door")
    attaching = attachments.attach("door", {"uri": "x"}, [])
    next(attaching)
    attachments._state.phase = STOPPING
    with pytest.raises(GraphError, match="the run is ending"):
        next(attaching)
