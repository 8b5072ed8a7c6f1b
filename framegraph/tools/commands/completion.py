"""launcher.py completion: the script for bash, or the completions of the last of WORDS."""

import argparse

from framegraph.support.commands import Command, program


class Completion(Command):
    line = "the completion of these words for bash"
    description = "Print a script for bash, for: source <(PROGRAM completion)"
    refuses_passwords = False  # they stand on a line that is still being typed

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("words", nargs="*", help="after --: the words of a line; prints completions")

    def run(self, options: argparse.Namespace) -> int:
        from framegraph.tools.describe.completion import candidates, script

        if not options.words:
            print(script(program()), end="")
        else:
            print("\n".join(candidates(options.words, self.commands)))
        return 0
