"""Every refusal of this package.

DetectionError
├── SignalError             a Signal (or a search) cannot be used; knows the place in its text
│   ├── SignalSyntaxError   the text is not in the language
│   ├── UnknownProperty     no event has such a property
│   ├── InvalidValue        the value does not suit the property or the condition
│   ├── TooManyTerms        more unique terms than the limit
│   ├── WrongPlatform       a property that none of the chosen operating systems has
│   └── NeverTogether       terms that no single event can satisfy
├── UnreadableEvent         a line is not an event in any format we read
└── UnusableFile            a file cannot be read, or is not what it should be
"""

from __future__ import annotations


class DetectionError(Exception):
    """The base of all errors of this package."""


class SignalError(DetectionError):
    """A Signal cannot be used.

    `line` and `column` count from 1; `expected` names what could have stood there, in the words
    of the language, and is empty where only the reason helps.
    """

    def __init__(self, line: int, column: int, reason: str, expected: tuple[str, ...] = ()) -> None:
        """Refuse the text at this place."""
        super().__init__(line, column, reason, expected)
        self.line = line
        self.column = column
        self.reason = reason
        self.expected = expected

    def __str__(self) -> str:
        """Tell place, reason and what was expected in one sentence."""
        wanted = f" (expected {', '.join(self.expected)})" if self.expected else ""
        return f"line {self.line}, column {self.column}: {self.reason}{wanted}"


class SignalSyntaxError(SignalError):
    """The text is not in the language."""


class UnknownProperty(SignalError):
    """No event has such a property; `expected` holds the nearest known names."""


class InvalidValue(SignalError):
    """The value does not suit the property or the condition."""


class TooManyTerms(SignalError):
    """More unique terms than the limit; the place is the first term over it."""


class WrongPlatform(SignalError):
    """None of the operating systems that the Signal is for has this property."""


class NeverTogether(SignalError):
    """The terms speak of two kinds of event, and no event is of both."""


class UnreadableEvent(DetectionError):
    """A line is not an event in any format we read."""


class UnusableFile(DetectionError):
    """A file that cannot be read, or is not what it should be; the text names it."""
