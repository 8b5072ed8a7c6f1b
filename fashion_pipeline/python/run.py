"""`fashion_pipeline.run`: a run whose records a Python program reads while it is on."""

import json
import os
import re
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from fashion_pipeline.python.launched import Launched, name_of
from fashion_pipeline.python.people import People, PersonSeen
from fashion_pipeline.python.record import Record

if TYPE_CHECKING:
    import pandas

FAILED, WRONG, FRAMES_FAILED = 1, 2, 3
_POWER = re.compile(r"(?<=\d)e(?=[-+])")


class RunError(Exception):
    """A run that could not be started, failed, or could not analyse all frames; its text is the launcher's.

    `status`: the launcher's exit status (docs/architecture.md): 1 the run failed, 2 a wrong graph, property
    or input, 3 all was read but frames failed, above 128 or below 0 ended by a signal from elsewhere.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Run(Iterator[Record]):
    """The records of a run, frame by frame, while its processes work on the next ones.

    Reading slowly slows a film down; a camera drops older frames. `close`, leaving its `with` block, a
    KeyboardInterrupt while it waits, and the garbage collector end the run as the first Ctrl-C does: its
    files are complete afterwards.
    """

    def __init__(self, words: list[str], *, pictures: bool) -> None:
        self._launched = Launched(words, pictures=pictures)
        self._people = People()
        # Also at the end of the program.
        self._end = weakref.finalize(self, self._launched.close)
        self._is_closed = False

    def __next__(self) -> Record:
        """Return the next record. RunError once the run has ended otherwise than well."""
        if self._is_closed:
            raise StopIteration
        try:
            arrived = self._launched.inbox.take()
        except KeyboardInterrupt:
            self.close()
            raise
        if arrived is None:
            self._conclude()
            raise StopIteration
        self._launched.took()
        line, picture, shape = arrived
        record = Record(json.loads(line))
        if picture:
            import numpy as np

            record.image_bgr = np.frombuffer(picture, np.uint8).reshape(shape)
        self._people.see(record)
        return record

    def _conclude(self) -> None:
        self.close()
        status = self._launched.status
        if status:
            raise RunError(self._why(status), status)

    def _why(self, status: int) -> str:
        lines = list(self._launched.lines)
        if status == WRONG:
            return "\n".join(line.removeprefix("launcher: ") for line in lines)
        if self.ledger.get("failure"):
            return str(self.ledger["failure"])
        if status == FRAMES_FAILED:
            return "\n".join(_failures(self.ledger)) or "an output was changed by somebody else"
        name = name_of(status)
        if name:
            return f"the run was ended by {name}, before all was read"
        return "\n".join(lines) or f"the run failed with exit status {status}"

    def close(self) -> None:
        """End the run if it is still on, and wait until its files are complete. May be called again."""
        self._is_closed = True
        self._end()
        self._launched.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        self.close()

    @property
    def ledger(self) -> dict[str, Any]:
        """What is in ledger.json: the outcome of every frame. Empty until the end, or if nothing started."""
        return self._launched.ledger

    @property
    def people(self) -> list[PersonSeen]:
        """Everybody with a number in the records read so far, in the order of first sight."""
        return list(self._people)

    def to_pandas(self) -> "pandas.DataFrame":
        """Read the run to its end; return a row for each garment of each person in each frame.

        `fashion_pipeline.python.tables.to_pandas` does so for records of your choice.
        """
        from fashion_pipeline.python.tables import to_pandas

        return to_pandas(self)


def run(
    input_or_graph: str | os.PathLike[str],
    *,
    graph: str | os.PathLike[str] | None = None,
    pictures: bool = False,
    **properties: Any,
) -> Run:
    """Start a run and return its records: `for record in fashion_pipeline.run("film.mp4"): …`.

    The first argument is what the command line takes: a film, an address, a folder of images, a graph's file,
    or a graph in one line. An input goes through the default graph without files, or through `graph`. What
    the graph writes is written as ever. `pictures`: each frame's record has its picture, for `show`.
    `properties` are those of --set: **{"detect.replicas": 2}.

    The graph and its input are checked by the launcher: RunError comes with the first record asked for.
    TypeError for what cannot be a property.
    """
    words = [os.fspath(input_or_graph)]
    if graph is not None:
        words += ["--through", os.fspath(graph)]
    for name, value in properties.items():
        words += ["--set", f"{_checked(name)}={_text_of(name, value)}"]
    return Run(words, pictures=pictures)


def _checked(name: str) -> str:
    if "." not in name:
        raise TypeError(
            f"run() got an unexpected keyword argument '{name}'; a property is given as "
            '**{"STAGE.PROPERTY": value}'
        )
    return name


def _text_of(name: str, value: Any) -> str:
    """Return a value as YAML: JSON is YAML, except for powers without a point."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:
        raise TypeError(
            f"'{name}' must be text, a number, true or false, or a list of these, "
            f"got a {type(value).__name__}"
        ) from None
    return _POWER.sub(".0e", text) if isinstance(value, float) and "." not in text else text


def _failures(ledger: dict[str, Any]) -> list[str]:
    """Return, of each source, how many frames were not analysed, and why."""
    found = []
    for name, sums in ledger.get("sources", {}).items():
        reasons = {f"failed({stage})": count for stage, count in sums["failed"].items()}
        if "undecodable" in sums["dropped"]:
            reasons["undecodable"] = sums["dropped"]["undecodable"]
        if reasons:
            said = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
            found.append(f"{name}: not all of its {sums['captured']} frames were analysed: {said}")
    return found
