"""The words and options of the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from client import commands
from client.answers import FORMATS
from client.asking import INTERRUPTED
from client.exceptions import ClientError
from client.showing import visible
from client.streams import Streams

Command = Callable[[argparse.Namespace, Streams], int]

EPILOG: Final = """\
exit codes:
  0    done; of `ask`, `answer`: every endpoint that was asked has answered in full
  1    refused or failed; the reason is on standard error
  2    wrong usage
  3    of `ask`, `answer`: somebody did not, or in part (--unanswered says who, and why)
  130  interrupted

environment:
  VEDETTE_CONSOLE, VEDETTE_TOKEN, VEDETTE_CA   what --console, --token, --ca are without them
  VEDETTE_CONFIG                               where logins are kept (~/.config/vedette)
"""


def main(arguments: Sequence[str], streams: Streams | None = None) -> int:
    """Carry out one command and return its exit code."""
    streams = streams or Streams(os.environ)
    given = _parser().parse_args(arguments)
    try:
        return int(given.command(given, streams))
    except ClientError as error:
        # A console's sentences hold what endpoints and users wrote: line by line, made harmless.
        streams.say("\n".join(map(visible, f"vedette: {error}".split("\n"))))
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        streams.say("Interrupted.")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vedette",
        description="Ask the endpoints of a Vedette console from the command line.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_ask(words)
    _add_answer(words)
    _add_login(words)
    _add_word(words, "logout", commands.log_out, "end the login to a console")
    questions = _add_list(words, "questions", commands.list_questions, "list the last questions")
    questions.add_argument("--limit", type=_count, default=20, metavar="N", help="how many (20)")
    sensors = _add_list(words, "sensors", commands.list_sensors, "list what a question may name")
    sensors.add_argument("search", nargs="?", default="", help="only those that speak of this")
    return parser


def _add_ask(words: Any) -> None:
    ask = _add_word(
        words,
        "ask",
        commands.ask,
        "ask a question and write its answer",
        description="Ask a question, wait for the endpoints that are online, write the answer. "
        "docs/questions.md explains the language.",
    )
    ask.add_argument("question", help='"Get Computer Name and IP Address from all machines"')
    ask.add_argument(
        "--group", action="append", default=[], metavar="NAME", help="only this computer group"
    )
    ask.add_argument(
        "--lifetime",
        type=_count,
        default=600,
        metavar="SECONDS",
        help="for how long the console asks endpoints that come online (600)",
    )
    _add_answer_options(ask)


def _add_answer(words: Any) -> None:
    answer = _add_word(
        words,
        "answer",
        commands.answer,
        "write the answer of a question that was asked before",
        description="Write the answer of a question that was asked before: here, by the clock, or "
        "in the web console. `questions` lists their ids.",
    )
    answer.add_argument("id", type=UUID, metavar="ID", help="the id of the question")
    _add_answer_options(answer)


def _add_answer_options(word: argparse.ArgumentParser) -> None:
    word.add_argument("--format", choices=FORMATS, default="table", help="of the answer (table)")
    word.add_argument(
        "--output", type=Path, metavar="FILE", help="write there; not to the terminal"
    )
    word.add_argument(
        "--wait",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for endpoints that are online (60)",
    )
    word.add_argument("--by-endpoint", action="store_true", help="the rows of each endpoint")
    word.add_argument(
        "--unanswered",
        action="store_true",
        help="say (standard error) who did not answer or only in part, and why",
    )
    word.add_argument(
        "--raw",
        action="store_true",
        help="no apostrophe before CSV cells that a spreadsheet takes for formulas",
    )


def _add_login(words: Any) -> None:
    login = _add_word(
        words,
        "login",
        commands.log_in,
        "log in to a console and keep the token",
        description="Exchange a password for a token, and keep it in a file of your own. A console "
        "whose certificate nobody vouches for is shown by its fingerprint before anything is sent.",
    )
    login.add_argument("--user", default="", metavar="NAME", help="user name (asked for)")
    login.add_argument(
        "--password-file", type=Path, metavar="FILE", help="its first line is the password"
    )
    login.add_argument(
        "--fingerprint",
        default="",
        metavar="SHA256",
        help="the console's certificate, where nobody is there to compare it",
    )


def _add_list(words: Any, name: str, command: Command, summary: str) -> argparse.ArgumentParser:
    word = _add_word(words, name, command, summary)
    word.add_argument("--format", choices=("table", "json"), default="table")
    return word


def _add_word(
    words: Any, name: str, command: Command, summary: str, *, description: str = ""
) -> argparse.ArgumentParser:
    word: argparse.ArgumentParser = words.add_parser(
        name,
        help=summary,
        description=description or f"{summary[:1].upper()}{summary[1:]}.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    word.set_defaults(command=command)
    word.add_argument("--console", default="", metavar="URL", help="https://name:port (8443)")
    word.add_argument(
        "--ca", default="", metavar="FILE", help="the authority that signed its certificate (PEM)"
    )
    token = word.add_mutually_exclusive_group()
    token.add_argument(
        "--token", default="", help="an API token; other users of this computer may see it"
    )
    token.add_argument("--token-file", type=Path, metavar="FILE", help="its first line is one")
    return word


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 7 * 24 * 3600:
        raise argparse.ArgumentTypeError("from 0 to a week")
    return seconds


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 7 * 24 * 3600:
        raise argparse.ArgumentTypeError("from 1 on")
    return number
