"""The launcher's commands, and the registry that finds one by its file."""

import abc
import argparse
import dataclasses
import importlib
import pkgutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

DEFAULT = "run"
"""The command that words without one are for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DefaultGraph:
    """The graph for a word that names an input instead of a graph: `uri` of its stage `source` is then set.

    uri: the input where no word is given.
    """

    path: Path
    source: str
    uri: str


def own_command() -> list[str]:
    """Return the words that start this program once more."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None:
        return [sys.executable, "-m", spec.name.removesuffix(".__main__")]
    return [sys.executable, str(Path(sys.argv[0]).resolve())]


def program() -> str:
    """Return this program's name as its user types it, e.g. launcher.py."""
    name = Path(sys.argv[0]).name
    return f"python -m {Path(sys.argv[0]).parent.name}" if name == "__main__.py" else name


class Command(abc.ABC):
    """One command: the one such class of its module, which has its name (new_stage.py: new-stage).

    --help imports every command's module, so a command imports what it needs in `run`.
    """

    line: ClassVar[str]
    """Its description in the launcher's --help."""
    description: ClassVar[str]
    """The same for its own --help."""
    refuses_passwords: ClassVar[bool] = True
    """Whether a word with a password in it is refused before anything is done."""

    def __init__(self, name: str, commands: "Commands") -> None:
        self.name = name
        self.commands = commands

    def parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog=f"{program()} {self.name}".rstrip(), description=self.description
        )
        self.add_arguments(parser)
        return parser

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:  # noqa: B027 - a command may take none
        """Declare its arguments."""

    def parse(self, parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
        """Return the options parsed from `words`; `parser.error` for those that exclude each other."""
        return parser.parse_args(words)

    @abc.abstractmethod
    def run(self, options: argparse.Namespace) -> int:
        """Carry it out, print the result, and return the exit status; GraphError when that is impossible."""

    def is_run(self, options: argparse.Namespace) -> bool:
        """Return whether the exit status is that of a run, which stays even if output is lost."""
        return False

    def completions(self, before: Sequence[str], last: str) -> list[str]:
        """Return the completions of `last`, which is not an option, after the words `before`."""
        return []


class Commands(Mapping[str, Command]):
    """The commands by name: every module of `packages` is one, imported on first use.

    `version`: what the launcher's --version says.
    """

    def __init__(self, *packages: str, version: str = "", default: DefaultGraph | None = None) -> None:
        self.version = version
        self.default = default
        self._modules = {
            module.name.replace("_", "-"): f"{package}.{module.name}"
            for package in packages
            for module in pkgutil.iter_modules(importlib.import_module(package).__path__)
        }

    def find(self, word: str) -> Command:
        """Return the command of this name, or the default one, which then bears no name."""
        return self[word] if word in self else self._command(DEFAULT, "")

    def __getitem__(self, name: str) -> Command:
        return self._command(name, name)

    def _command(self, name: str, shown_name: str) -> Command:
        module = importlib.import_module(self._modules[name])
        found = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Command) and value.__module__ == module.__name__
        ]
        if len(found) != 1:
            raise TypeError(f"{module.__file__} must define one Command, it defines {len(found)}")
        return found[0](shown_name, self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)
