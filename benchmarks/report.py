"""Writes docs/benchmarks.md and its plots from the results."""

from types import ModuleType

from benchmarks.graphs import PROJECT
from benchmarks.settings import Result

PAGE = PROJECT / "docs" / "benchmarks.md"
PLOTS = PROJECT / "docs" / "benchmarks"


def write(rows: dict[str, ModuleType], results: dict[str, Result]) -> None:
    """Write the page: a section a row that was measured, each with its machine where that differs."""
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench` (one row: `make bench ROW=hop`; another film: `make bench FILM=film.mp4`; only",
        "this page: `python -m benchmarks --report`). What is compared takes turns in one run; numbers are",
        "medians, with the lowest and the highest in brackets. Which bars are missed, and what was tried:",
        "[speed.md](speed.md).",
    ]
    machine_told = ""
    for name, row in rows.items():
        lines += ["", f"## {row.TITLE}", ""]
        if name not in results:
            lines.append(f"Not measured here: `make bench ROW={name}`.")
            continue
        machine = _machine(results[name]["machine"]) + f" Medians of {results[name]['repeats']}."
        if machine != machine_told:
            lines += [machine, ""]
            machine_told = machine
        lines += row.describe(results[name])
        _draw(name, row, results[name])
        lines += ["", f"![{row.TITLE}](benchmarks/{name}.png)"]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _machine(machine: Result) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB; {machine['system']}; "
        f"{versions}; commit {machine['commit']}."
    )


def _draw(name: str, row: ModuleType, result: Result) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.2))
    row.plot(result, axes)
    axes.set_title(row.TITLE)
    figure.tight_layout()
    PLOTS.mkdir(exist_ok=True)
    figure.savefig(PLOTS / f"{name}.png", dpi=110)
    pyplot.close(figure)
