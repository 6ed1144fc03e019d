"""Read Signal text into an expression tree.

The grammar stands in `grammar.lark`; LALR keeps the time linear in the text. Whatever the text,
the only outcome besides a tree is a `SignalError` with the place: size and depth are limited
before anything could recurse.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from detection.exceptions import (
    InvalidValue,
    SignalSyntaxError,
    TooManyTerms,
    UnknownProperty,
    WrongPlatform,
)
from detection.signals.expression import (
    Condition,
    Expression,
    Not,
    Term,
    all_of,
    any_of,
    counted_terms,
    terms_in,
)
from detection.signals.patterns import PatternRefused, compile_pattern
from detection.signals.properties import (
    ALIASES,
    CONDITIONS_OF,
    PROPERTIES,
    Property,
    ValueType,
    find_property,
)
from detection.signals.spelling import EscapeRefused, decode_pattern, decode_text

DEFAULT_TERM_LIMIT = 24
MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 64
_HASH_LENGTHS = (32, 40, 64)
_MAX_DIGITS = 18
_LONGEST_NAME = 64
_FOREIGN_QUOTES = '"\u2018\u2019\u201c\u201d'


def parse_expression(text: str) -> Expression:
    """Parse an expression of the Signal language, without a limit on its terms.

    Raises `SignalSyntaxError`, `UnknownProperty` or `InvalidValue`.
    """
    if len(text) > MAX_CHARACTERS:
        raise SignalSyntaxError(1, 1, f"the text is longer than {MAX_CHARACTERS} characters")
    _refuse_surrogates(text)
    try:
        expression: Expression = _PARSER.parse(text)
    except UnexpectedToken as error:
        raise _unexpected_token(error) from error
    except UnexpectedCharacters as error:
        raise _unexpected_character(error) from error
    return expression


def parse_signal(
    text: str,
    *,
    term_limit: int | None = DEFAULT_TERM_LIMIT,
    platforms: Collection[str] = (),
) -> Expression:
    """Parse a Signal and check what the parser alone cannot know.

    `platforms` are the operating systems it is for (`linux`, `windows`, `macos`); empty means
    all. `term_limit` counts unique terms (see `counted_terms`); None lifts it. Raises any
    `SignalError`.
    """
    expression = parse_expression(text)
    _refuse_too_many(expression, term_limit)
    _refuse_foreign(expression, platforms)
    return expression


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        before = text[: error.start]
        line = before.count("\n") + 1
        column = error.start - (before.rfind("\n") + 1) + 1
        raise SignalSyntaxError(line, column, "the text is not valid Unicode") from error


def _refuse_too_many(expression: Expression, limit: int | None) -> None:
    terms = list(counted_terms(expression))
    if limit is not None and len(terms) > limit:
        reason = f"{len(terms)} unique terms, at most {limit} are allowed"
        raise TooManyTerms(terms[limit].line, terms[limit].column, reason)


def _refuse_foreign(expression: Expression, platforms: Collection[str]) -> None:
    for term in terms_in(expression):
        available = PROPERTIES[term.property].platforms
        if platforms and not available.intersection(platforms):
            reason = f"{term.property} exists only on {', '.join(sorted(available))}"
            raise WrongPlatform(term.line, term.column, reason)


class _DepthGuard:
    """Refuse nesting beyond `MAX_DEPTH` while the tokens pass, before a tree is built."""

    always_accept: ClassVar[tuple[str, ...]] = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Pass every token on."""
        depth = 0
        negations = [0]
        for token in stream:
            if token.type == "_OPEN":
                negations.append(0)
            elif token.type == "_CLOSE":
                depth -= negations.pop() if len(negations) > 1 else 0
            elif token.type == "_NOT":
                negations[-1] += 1
                depth += 1
            elif token.type in ("_AND", "_OR"):
                depth -= negations[-1]
                negations[-1] = 0
            if depth + len(negations) > MAX_DEPTH:
                line, column = _place(token)
                raise SignalSyntaxError(line, column, f"nested deeper than {MAX_DEPTH} levels")
            yield token


@v_args(inline=True)
class _TreeBuilder(Transformer[Token, Expression]):
    """Turn the rules of the grammar into nodes, bottom up, while the parser reduces them."""

    def start(self, expression: Expression) -> Expression:
        return expression

    def disjunction(self, *parts: Expression) -> Expression:
        return any_of(*parts)

    def conjunction(self, *parts: Expression) -> Expression:
        return all_of(*parts)

    def negation(self, part: Expression) -> Expression:
        return Not(part)

    def comparison(self, name: Token, condition: Condition, value: Token) -> Expression:
        return _make_term(name, condition, value, negated=False)

    def negated_comparison(self, name: Token, condition: Condition, value: Token) -> Expression:
        return _make_term(name, condition, value, negated=True)

    def absent(self, name: Token) -> Expression:
        return _make_null(name, negated=False)

    def present(self, name: Token) -> Expression:
        return _make_null(name, negated=True)

    def is_equal(self) -> Condition:
        return Condition.IS

    def contains(self) -> Condition:
        return Condition.CONTAINS

    def starts_with(self) -> Condition:
        return Condition.STARTS_WITH

    def ends_with(self) -> Condition:
        return Condition.ENDS_WITH

    def matches(self) -> Condition:
        return Condition.MATCHES

    def in_cidr(self) -> Condition:
        return Condition.IN_CIDR

    def bare(self, value: Token) -> Token:
        return value

    def quoted(self, value: Token) -> Token:
        return value


def _make_null(name: Token, *, negated: bool) -> Term:
    line, column = _place(name)
    return Term(_property_at(name).name, Condition.IS_NULL, "", negated, line, column)


def _make_term(name: Token, condition: Condition, value: Token, *, negated: bool) -> Term:
    row = _property_at(name)
    line, column = _place(name)
    if condition not in CONDITIONS_OF[row.type]:
        allowed = tuple(c.value for c in Condition if c in CONDITIONS_OF[row.type])
        reason = f"{row.name} cannot be compared with '{condition.value}'"
        raise InvalidValue(line, column, reason, allowed)
    text = _value_text(value, condition)
    if not text:
        if condition is not Condition.IS:
            raise InvalidValue(*_place(value), f"'{condition.value}' needs a value")
        return Term(row.name, Condition.IS_NULL, "", negated, line, column)
    try:
        checked = _READERS.get(condition, _read_plain)(row, text)
    except ValueError as error:
        raise InvalidValue(*_place(value), str(error)) from error
    return Term(row.name, condition, checked, negated, line, column)


def _property_at(name: Token) -> Property:
    row = find_property(name)
    if row is None:
        known = (*PROPERTIES, *ALIASES)
        nearest = get_close_matches(name.lower()[:_LONGEST_NAME], known, n=3, cutoff=0.5)
        shown = name[:_LONGEST_NAME]
        raise UnknownProperty(*_place(name), f"no event has a property {shown}", tuple(nearest))
    return row


def _value_text(value: Token, condition: Condition) -> str:
    if value.type != "QUOTED":
        return str(value)
    decode = decode_pattern if condition is Condition.MATCHES else decode_text
    try:
        return decode(str(value))
    except EscapeRefused as refused:
        line, column = _place(value)
        before = value[: refused.offset]
        breaks = before.count("\n")
        column = refused.offset - before.rfind("\n") if breaks else column + refused.offset
        raise SignalSyntaxError(line + breaks, column, refused.reason, refused.expected) from None


def _read_plain(row: Property, text: str) -> str:
    return text


def _read_equal(row: Property, text: str) -> str | int:
    if row.type is ValueType.INTEGER:
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
            raise ValueError(f"{row.name} is compared with a whole number")
        return int(text)
    if row.type is ValueType.ADDRESS:
        return str(ipaddress.ip_address(text))
    if row.type is ValueType.HASH and (
        len(text) not in _HASH_LENGTHS or not set(text.lower()) <= set("0123456789abcdef")
    ):
        raise ValueError("a hash has 32 (MD5), 40 (SHA-1) or 64 (SHA-256) hexadecimal digits")
    return text


def _read_network(row: Property, text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


def _read_pattern(row: Property, text: str) -> str:
    try:
        compile_pattern(text)
    except PatternRefused as refused:
        raise ValueError(f"RE2 refuses this pattern: {refused}") from refused
    return text


_READERS: dict[Condition, Callable[[Property, str], str | int]] = {
    Condition.IS: _read_equal,
    Condition.IN_CIDR: _read_network,
    Condition.MATCHES: _read_pattern,
}

_NAMES = {
    "_AND": "AND",
    "_OR": "OR",
    "_NOT": "NOT",
    "_IS": "is",
    "_NULL": "null",
    "_CONTAINS": "contains",
    "_STARTS": "starts with",
    "_ENDS": "ends with",
    "_WITH": "with",
    "_MATCHES": "matches",
    "_IN": "in cidr",
    "_CIDR": "cidr",
    "_OPEN": "(",
    "_CLOSE": ")",
    "_EQUAL": "=",
    "_UNEQUAL": "!=",
    "QUOTED": "'value'",
    "$END": "the end",
}


def _place(token: Token) -> tuple[int, int]:
    return token.line or 1, token.column or 1


def _unexpected_token(error: UnexpectedToken) -> SignalSyntaxError:
    wanted = set(error.expected)
    word = "value" if "QUOTED" in wanted else "object.property"
    names = sorted({word if name == "WORD" else _NAMES[name] for name in wanted}, key=str.lower)
    token = error.token
    if token.type == "$END":
        reason = "the expression ends too early"
    elif word == "value" and token.type.startswith("_") and token.isalpha():
        reason = f"{token} is a word of the language; as a value it needs single quotes"
    else:
        reason = f"{_shorten(token)} cannot stand here"
    return SignalSyntaxError(max(error.line, 1), max(error.column, 1), reason, tuple(names))


def _unexpected_character(error: UnexpectedCharacters) -> SignalSyntaxError:
    character = error.char
    if character == "'":
        reason = "this quotation never ends"
    elif character in _FOREIGN_QUOTES:
        reason = f"{character} is no quotation mark here; use '"
    elif character == "\\":
        reason = "a value with a backslash needs single quotes"
    else:
        reason = f"{character!r} has no meaning outside single quotes"
    return SignalSyntaxError(error.line, error.column, reason)


def _shorten(token: Token) -> str:
    return token if len(token) <= _LONGEST_NAME else f"{token[:_LONGEST_NAME]}…"


_PARSER: Any = Lark(
    Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8"),
    parser="lalr",
    lexer="basic",
    postlex=_DepthGuard(),
    transformer=_TreeBuilder(),
)
