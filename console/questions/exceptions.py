"""The refusals of questions, and how an API client sees them.

QuestionError
├── QuestionUnreadable      400  the text is no question; says where and what was expected
├── NobodyToAsk             409  the question reaches no endpoint
├── TooManyQuestions        409  somebody, or everybody together, has enough questions open
├── QuestionEnded           409  it was cancelled, or its time is over
├── SensorRefused           400  a sensor of one's own that cannot work
├── SensorInUse             409  a name that another sensor has
├── ScriptNotOurs           409  a script that the console did not sign
├── ExportEnded             409  an export that is over cannot be cancelled
├── ExportNotReady          409  an export without a file, or with one of another reach
└── TooManyExports          409  somebody has enough exports under way
"""

from __future__ import annotations

from collections.abc import Sequence

from console.core.exceptions import Conflict, InvalidInput, VedetteError


class QuestionError(VedetteError):
    """The base of this package's refusals."""


class QuestionUnreadable(QuestionError, InvalidInput):
    """The text is no question. `line` and `column` count from 1, `length` is in characters."""

    title = "Not a question"

    def __init__(
        self, detail: str, *, line: int, column: int, length: int, expected: Sequence[str] = ()
    ) -> None:
        super().__init__(detail, errors={"text": [detail]})
        self.line = line
        self.column = column
        self.length = length
        self.expected = tuple(expected)


class NobodyToAsk(QuestionError, Conflict):
    """The question reaches no endpoint."""

    title = "Nobody to ask"


class TooManyQuestions(QuestionError, Conflict):
    """Enough questions are open: endpoints remember a bounded number of them."""

    title = "Too many questions"


class QuestionEnded(QuestionError, Conflict):
    """The question was cancelled, or its time is over."""

    title = "The question has ended"


class SensorRefused(QuestionError, InvalidInput):
    """A sensor of one's own that cannot work."""

    title = "Not a sensor"


class SensorInUse(QuestionError, Conflict):
    """Another sensor has this name."""

    title = "The name is taken"


class ScriptNotOurs(QuestionError, Conflict):
    """A script whose signature is not the console's: it was changed behind its back."""

    title = "The script is not signed"


class ExportEnded(QuestionError, Conflict):
    """The export is over: made, failed or cancelled."""

    title = "The export has ended"


class ExportNotReady(QuestionError, Conflict):
    """The export has no file yet, or none any more, or one that was cut to another reach."""

    title = "The export has no file"


class TooManyExports(QuestionError, Conflict):
    """The user has enough exports under way."""

    title = "Too many exports"
