"""Every refusal of this package.

SensorsError
├── ConditionRefused        something that cannot be compared: a column or a value does not fit
│   ├── OperatorRefused     an operator that does not suit the columns
│   └── ParameterRefused    a parameter that a sensor does not accept
├── QuestionRefused         a text is not a question; knows the place and what was expected
└── BuilderRefused          a JSON form is not a question; knows the path in it
"""

from __future__ import annotations


class SensorsError(Exception):
    """The base of all errors of this package."""


class ConditionRefused(SensorsError):
    """A comparison that cannot be made; the text says why, `expected` what would fit."""

    def __init__(self, message: str, expected: tuple[str, ...] = ()) -> None:
        """Refuse a comparison."""
        super().__init__(message)
        self.message = message
        self.expected = expected


class OperatorRefused(ConditionRefused):
    """The operator is unknown, or does not suit the columns; the value was not looked at."""


class ParameterRefused(ConditionRefused):
    """A sensor's parameter is unknown, missing or wrong; `key` says which."""

    def __init__(self, key: str, message: str, expected: tuple[str, ...] = ()) -> None:
        """Refuse a parameter."""
        super().__init__(message, expected)
        self.key = key


class QuestionRefused(SensorsError):
    """A text that is not a question, or not a filter.

    `line` and `column` count from 1, `length` is in characters (0: the end of the text).
    `expected` names what could have stood there, in the words of the language; for a name that
    is not known, the nearest known ones.
    """

    def __init__(
        self, message: str, line: int, column: int, length: int, expected: tuple[str, ...] = ()
    ) -> None:
        """Refuse the text at this place."""
        super().__init__(message, line, column, length, expected)
        self.message = message
        self.line = line
        self.column = column
        self.length = length
        self.expected = expected

    def __str__(self) -> str:
        """Tell place, reason and what was expected in one sentence."""
        wanted = f" (expected {', '.join(self.expected)})" if self.expected else ""
        return f"line {self.line}, column {self.column}: {self.message}{wanted}"


class BuilderRefused(SensorsError):
    """A JSON form that is not a question; `path` leads to the wrong place: `filter.parts[1]`."""

    def __init__(self, path: str, message: str, expected: tuple[str, ...] = ()) -> None:
        """Refuse the form at this path."""
        super().__init__(path, message, expected)
        self.path = path
        self.message = message
        self.expected = expected

    def __str__(self) -> str:
        """Tell path, reason and what was expected in one sentence."""
        wanted = f" (expected {', '.join(self.expected)})" if self.expected else ""
        return f"{self.path}: {self.message}{wanted}"
