"""docs/control.md shows every command of a running graph."""

import pkgutil
import shlex

from framegraph.control import commands
from tests.launching import PROJECT


def test_every_command_of_a_running_graph_is_in_the_document() -> None:
    text = (PROJECT / "docs/control.md").read_text(encoding="utf-8")
    block = text.partition("```sh\n")[2].partition("```")[0]
    shown = {shlex.split(line, comments=True)[2] for line in block.splitlines()}
    assert shown == {module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__)}
