"""The launcher's commands, and the registry that finds one by its file."""

import abc
import argparse
import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar


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
            prog=f"launcher.py {self.name}".rstrip(), description=self.description
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

    def __init__(self, *packages: str, version: str = "") -> None:
        self.version = version
        self._modules = {
            module.name.replace("_", "-"): f"{package}.{module.name}"
            for package in packages
            for module in pkgutil.iter_modules(importlib.import_module(package).__path__)
        }

    def __getitem__(self, name: str) -> Command:
        module = importlib.import_module(self._modules[name])
        found = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Command) and value.__module__ == module.__name__
        ]
        if len(found) != 1:
            raise TypeError(f"{module.__file__} must define one Command, it defines {len(found)}")
        return found[0](name, self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)
