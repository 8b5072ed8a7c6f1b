"""Shell completion: `source <(PROGRAM completion)` in bash.

The script asks the launcher at each press of Tab, so it never goes out of date: commands and options come
from the help texts, stage types and properties from the code, stages from the graph on the line.
"""

import re
from pathlib import Path

from framegraph.errors import GraphError
from framegraph.graph.reader import read_graph
from framegraph.support.commands import Commands
from framegraph.tools.describe.facts import facts_of

_BASH = """\
FUNCTION() {
    local line=${COMP_LINE:0:COMP_POINT}
    # Words as the user wrote them: bash itself takes source.uri=a.txt for three.
    local -a words
    read -r -a words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    local last=${words[-1]} shown
    COMPREPLY=()
    while IFS= read -r shown; do
        [[ -n $shown ]] || continue
        [[ $shown == *= || $shown == */ ]] && compopt -o nospace
        # What stands before = is on the line already.
        [[ $last == *=* ]] && shown=${shown#"${last%%=*}="}
        COMPREPLY+=("$shown")
    done < <("${words[0]}" completion -- "${words[@]:1}" 2>/dev/null)
}
complete -o default -F FUNCTION NAMES
"""
_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|-[a-z])\b(?: (\{[^}]*\}|[A-Z][^\s\],]*))?")


def script(program: str) -> str:
    """Return the script for bash that completes words after `program`; GraphError if that is no one word."""
    if " " in program:
        raise GraphError(f"bash completes a program that is started by its name, not by '{program}'")
    # A file in the current folder is started by its path.
    names = f"{program} ./{program}" if Path(program).suffix else program
    function = "_" + re.sub(r"\W", "_", program)
    return _BASH.replace("FUNCTION", function).replace("NAMES", names)


def candidates(words: list[str], commands: Commands) -> list[str]:
    """Return the completions of the last word. `words` follow the program's name; the last may be empty."""
    last, before = words[-1] if words else "", words[:-1]
    command = commands.find(before[0] if before else "")
    options = _options(command.parser().format_help())
    previous = before[-1] if before else ""
    if previous == "--set":
        found = _settings(before, last)
    elif previous in options and options[previous].startswith("{"):
        found = options[previous].strip("{}").split(",")
    elif options.get(previous):
        found = []
    elif last.startswith("-"):
        found = list(options)
    else:
        found = command.completions(before, last)
    return sorted({word for word in found if word.startswith(last)})


def _options(help_text: str) -> dict[str, str]:
    """Return {option: the word that it takes}, e.g. {"--check": "", "--draw": "{mermaid,svg}"}."""
    return {match[1]: match[2] or "" for match in _OPTION.finditer(help_text)}


def _settings(words: list[str], last: str) -> list[str]:
    """Return STAGE.PROPERTY= for the graph on the line, or the values of one property."""
    path = next((word for word in words if word.endswith((".yaml", ".yml"))), None)
    if path is None:
        return []
    try:
        graph = read_graph(Path(path))
        facts = {name: facts_of(stage.type_name, graph.folder) for name, stage in graph.stages.items()}
    except GraphError:
        return []
    found = []
    for name, stage in facts.items():
        for each in (*stage.own, *stage.common):
            word = f"{name}.{each.key}="
            values = each.help.choices or (("true", "false") if each.hint is bool else ())
            found += [f"{word}{value}" for value in values] if last.startswith(word) else [word]
    return found


def graphs(last: str) -> list[str]:
    """Return the YAML files and folders that a path may become."""
    folder, slash, _name = last.rpartition("/")
    try:
        entries = sorted(Path(folder + slash or ".").iterdir())
    except OSError:
        return []
    return [
        f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if not entry.name.startswith(".") and (entry.is_dir() or entry.suffix in (".yaml", ".yml"))
    ]
