"""A home for an agent, a CA, and small consoles to talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.directories import Directories
from agent.enrolment import TrustAnchor, enrol
from agent.identity import Enrolment
from tests.agent.authority import Authority
from tests.agent.enrolment_server import EnrolmentServer, serving
from tests.agent.gateway import Gateway, listening


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def foreign_authority() -> Authority:
    return Authority("Foreign CA")


@pytest.fixture
def directories(tmp_path: Path) -> Directories:
    return Directories.under(tmp_path / "home")


@pytest.fixture
def enrolment_server(authority: Authority, tmp_path: Path) -> Iterator[EnrolmentServer]:
    with serving(EnrolmentServer(authority), authority.server_context(tmp_path)) as server:
        yield server


@pytest.fixture
def enrolled(directories: Directories, enrolment_server: EnrolmentServer) -> Enrolment:
    anchor = TrustAnchor(authority_pem=enrolment_server.authority.pem)
    return enrol(directories, console=enrolment_server.address, anchor=anchor, token="token")


@pytest.fixture
async def gateway(authority: Authority, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with listening(Gateway(), authority.server_context(tmp_path, mutual=True)) as opened:
        yield opened


@pytest.fixture
def enrolled_there(
    authority: Authority, gateway: Gateway, directories: Directories, tmp_path: Path
) -> Enrolment:
    """Enrol the home with the gateway of the test."""
    console = EnrolmentServer(
        authority,
        gateway=gateway.address,
        sessions=gateway.address,
        signing_key=gateway.key.public_key().public_bytes_raw(),
    )
    with serving(console, authority.server_context(tmp_path)) as server:
        anchor = TrustAnchor(authority_pem=authority.pem)
        enrolment = enrol(directories, console=server.address, anchor=anchor, token="token")
    gateway.endpoint_id = enrolment.endpoint_id
    return enrolment
