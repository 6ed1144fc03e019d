"""The language of questions: text to `protocol.questions`, and back.

docs/questions.md explains it to analysts.
"""

from sensors.exceptions import BuilderRefused, QuestionRefused
from sensors.language.builder import (
    filter_from_json,
    filter_to_json,
    question_from_json,
    question_to_json,
)
from sensors.language.completion import Choice, Completion, complete
from sensors.language.names import NameIndex
from sensors.language.parser import parse_filter, parse_question
from sensors.language.tree import ParsedQuestion, ResultColumn
from sensors.language.writing import filter_to_text, to_text

__all__ = [
    "BuilderRefused",
    "Choice",
    "Completion",
    "NameIndex",
    "ParsedQuestion",
    "QuestionRefused",
    "ResultColumn",
    "complete",
    "filter_from_json",
    "filter_to_json",
    "filter_to_text",
    "parse_filter",
    "parse_question",
    "question_from_json",
    "question_to_json",
    "to_text",
]
