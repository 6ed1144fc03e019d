"""What each word of the command line does. Each returns the exit code and raises `ClientError`."""

from __future__ import annotations

import argparse
import json
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

from client import asking
from client.answers import BINARY, Wish
from client.connection import Address, Console, read_address
from client.exceptions import ConsoleRefused, ConsoleUntrusted, WrongUsage
from client.logins import Login, Logins, config_directory, login_from
from client.showing import table, visible
from client.streams import Streams
from client.trust import (
    context_trusting,
    fingerprint_of,
    is_vouched_for,
    offered_certificate,
    read_authority,
    same_fingerprint,
)


def log_in(given: argparse.Namespace, streams: Streams) -> int:
    """Exchange a password for a token and keep it, with what proves the console."""
    address = read_address(_console_named(given, streams, required=True))
    authority = _authority_of(given, streams) or _learned(address, given, streams)
    user = given.user or _line(streams, "User name: ")
    console = Console(address, context_trusting(authority))
    issued = console.post("auth/token/", {"username": user, "password": _password(given, streams)})
    logins = _logins(streams)
    logins.keep(Login(str(address), issued["token"], authority, issued.get("expires_at") or ""))
    streams.say(f"Logged in to {address} as {user}, until {issued.get('expires_at')}.")
    streams.say(f"The token stands in {logins.path}.")
    return 0


def log_out(given: argparse.Namespace, streams: Streams) -> int:
    """End the token of a console and forget it."""
    login = _login(given, streams)
    try:
        _console(login).post("auth/logout/")
    except ConsoleRefused as refusal:
        # A token that has ended by itself is forgotten all the same.
        streams.say(visible(str(refusal)))
    _logins(streams).forget(login.console)
    streams.say(f"Logged out of {login.console}.")
    return 0


def ask(given: argparse.Namespace, streams: Streams) -> int:
    """Ask a question and write its answer."""
    wish = replace(
        _wish(given), text=given.question, groups=tuple(given.group), lifetime=given.lifetime
    )
    return asking.ask(_console(_login(given, streams)), wish, streams)


def answer(given: argparse.Namespace, streams: Streams) -> int:
    """Write the answer of a question that was asked before."""
    wish = _wish(given)
    return asking.read_answer(_console(_login(given, streams)), given.id, wish, streams)


def list_questions(given: argparse.Namespace, streams: Streams) -> int:
    """List the questions that were asked last."""
    console = _console(_login(given, streams))
    found = console.get("questions/", page_size=given.limit)["results"]
    rows = [
        [
            each["id"],
            each["asked_at"][:19].replace("T", " "),
            each["asked_by"] or "",
            f"{each['standing']['asked'] - each['standing']['open']}/{each['standing']['asked']}",
            each["text"],
        ]
        for each in found
    ]
    _show(streams, given, found, ["Id", "Asked at (UTC)", "By", "Answered", "Question"], rows)
    return 0


def list_sensors(given: argparse.Namespace, streams: Streams) -> int:
    """List the sensors that a question may name."""
    console = _console(_login(given, streams))
    wanted = {"search": given.search} if given.search else {}
    found = list(console.pages("sensors/", page_size=1000, **wanted))
    rows = [
        [
            each["name"],
            ", ".join(parameter["key"] for parameter in each["parameters"]),
            each["category"],
            each["cost"],
            each["description"],
        ]
        for each in found
    ]
    _show(streams, given, found, ["Name", "Parameters", "Category", "Cost", "Description"], rows)
    return 0


# ---------------------------------------------------------------------- inside


def _wish(given: argparse.Namespace) -> Wish:
    if given.format in BINARY and given.output is None:
        raise WrongUsage(f"--format {given.format} needs --output FILE.")
    if given.raw and given.format != "csv":
        raise WrongUsage("--raw is of --format csv.")
    return Wish(
        wait=given.wait,
        form=given.format,
        output=given.output,
        by_endpoint=given.by_endpoint,
        raw=given.raw,
        unanswered=given.unanswered,
    )


def _show(
    streams: Streams,
    given: argparse.Namespace,
    found: Any,
    titles: list[str],
    rows: list[list[str]],
) -> None:
    if given.format == "json":
        streams.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    else:
        streams.write(table(titles, rows))


def _login(given: argparse.Namespace, streams: Streams) -> Login:
    named = _console_named(given, streams, required=False)
    console = str(read_address(named)) if named else ""
    return login_from(
        _logins(streams).find(console),
        console=console,
        token=_token(given, streams),
        authority=_authority_of(given, streams),
    )


def _console(login: Login) -> Console:
    return Console(read_address(login.console), context_trusting(login.authority), login.token)


def _logins(streams: Streams) -> Logins:
    return Logins(config_directory(streams.environment))


def _console_named(given: argparse.Namespace, streams: Streams, *, required: bool) -> str:
    named = str(given.console or streams.environment.get("VEDETTE_CONSOLE", ""))
    if required and not named:
        raise WrongUsage("Which console? Give --console https://name:port.")
    return named


def _token(given: argparse.Namespace, streams: Streams) -> str:
    if given.token_file is not None:
        return _first_line(given.token_file).strip()
    return str(given.token or streams.environment.get("VEDETTE_TOKEN", "")).strip()


def _authority_of(given: argparse.Namespace, streams: Streams) -> str:
    named = given.ca or streams.environment.get("VEDETTE_CA", "")
    return read_authority(Path(named)) if named else ""


def _learned(address: Address, given: argparse.Namespace, streams: Streams) -> str:
    """Return what to trust a console by that no authority was given for, "" for the system's."""
    if not given.fingerprint and is_vouched_for(address.host, address.port, context_trusting()):
        return ""
    certificate = offered_certificate(address.host, address.port)
    fingerprint = fingerprint_of(certificate)
    if given.fingerprint:
        if not same_fingerprint(given.fingerprint, fingerprint):
            raise ConsoleUntrusted(
                f"Who answers at {address} has another certificate: SHA-256 {fingerprint}"
            )
    else:
        streams.say(
            f"Nobody whom this computer trusts vouches for {address}.\n"
            f"Its certificate has the SHA-256 fingerprint\n  {fingerprint}\n"
            "The console shows its own at Certificates, and on its host:\n"
            "  openssl x509 -in data/keys/server.pem -noout -fingerprint -sha256"
        )
        if not streams.is_interactive():
            raise ConsoleUntrusted("Give it with --fingerprint, or the authority with --ca.")
        if not streams.ask("Is it the same?"):
            raise ConsoleUntrusted("Nothing was sent there.")
    return ssl.DER_cert_to_PEM_cert(certificate)


def _password(given: argparse.Namespace, streams: Streams) -> str:
    if given.password_file is not None:
        return _first_line(given.password_file)
    if not streams.answers.isatty():
        raise WrongUsage("Nobody is there to type a password: give --password-file FILE.")
    return streams.password("Password: ")


def _line(streams: Streams, prompt: str) -> str:
    streams.messages.write(prompt)
    streams.messages.flush()
    return streams.answers.readline().strip()


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{path} cannot be read: {error}") from error
