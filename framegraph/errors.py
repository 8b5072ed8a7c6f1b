"""Errors that cross a boundary; each carries one sentence for the user that includes the remedy."""


class GraphError(Exception):
    """The graph, a property or an argument is wrong: nothing was started (exit status 2)."""

    @property
    def problems(self) -> list[str]:
        """The sentences, one for each mistake."""
        return [str(self)]


class ManyGraphError(GraphError):
    """Several mistakes, each with a sentence of its own."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self._problems = problems

    @property
    def problems(self) -> list[str]:
        return self._problems


class StageError(Exception):
    """A stage cannot do its work on this machine or this input (exit status 1).

    Raise it from `open` when trying again cannot help: the run then ends with this sentence instead
    of a restart. Any other exception from `open` is treated the same way, with its traceback in the log.
    """


class UnavailableError(Exception):
    """An output cannot be written for now (a database that is locked, full or away): a sink that raises it
    is given the frame again, until it can."""


class WireError(ValueError):
    """Bytes from a socket that are not a well-formed message: rejected and counted, never executed."""


class PixelsGoneError(Exception):
    """The slot that a packet points to holds another frame by now; the packet will come again."""


def text_of(error: BaseException, limit: int = 2000) -> str:
    """Return an exception's type and text, even if the text itself cannot be made."""
    try:
        said = str(error)
    except BaseException as second:  # a stage's exception may be anything
        said = f"(its text raises {type(second).__name__})"
    if len(said) > limit:
        said = f"{said[:limit]} …"
    return f"{type(error).__name__}: {said}"


def one_sentence(error: BaseException) -> str:
    """Return one sentence for the user; an unexpected error keeps its type and place."""
    if isinstance(error, StageError):
        return str(error)
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    where = f" ({frames.tb_frame.f_code.co_filename}:{frames.tb_lineno})" if frames else ""
    return f"{text_of(error)}{where}"
