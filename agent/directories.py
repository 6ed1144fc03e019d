"""Where the agent keeps things: program, settings, data, logs and what lives while it runs.

One `--home` puts all of it under one folder, so that several agents can live on one computer
and nobody needs root to try one. Every folder is 0700 and carries a marker file; nothing is
ever removed from a folder without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.exceptions import DirectoryNotOurs

PRIVATE_FOLDER = 0o700
MARKER = ".vedette-agent"
MARKER_TEXT = "This folder belongs to the Vedette agent; uninstalling the agent removes it.\n"
OUR_NAME = "vedette-agent"


@dataclass(frozen=True, kw_only=True)
class Directories:
    """The folders of one agent. `program` is None where the program is not ours to remove."""

    settings: Path
    data: Path
    logs: Path
    runtime: Path
    program: Path | None = None
    home: Path | None = None

    @classmethod
    def of_this_computer(cls) -> Directories:
        """Return the folders of the agent that is installed as a service."""
        return cls(
            settings=Path("/etc/vedette-agent"),
            data=Path("/var/lib/vedette-agent"),
            logs=Path("/var/log/vedette-agent"),
            runtime=Path("/run/vedette-agent"),
            program=Path("/opt/vedette-agent"),
        )

    @classmethod
    def under(cls, home: Path) -> Directories:
        """Return the folders of an agent that keeps everything under `home`."""
        home = home.absolute()
        return cls(
            settings=home / "etc",
            data=home / "data",
            logs=home / "log",
            runtime=home / "run",
            home=home,
        )

    @property
    def own(self) -> tuple[Path, ...]:
        """Every folder that holds files which the agent wrote."""
        return (self.settings, self.data, self.logs, self.runtime)

    @property
    def settings_file(self) -> Path:
        """The file that the administrator edits; it may be absent."""
        return self.settings / "settings.toml"

    @property
    def enrolment_file(self) -> Path:
        """What the console told this endpoint when it was enrolled."""
        return self.settings / "enrolment.json"

    @property
    def identity_file(self) -> Path:
        """The endpoint's private key and certificate, in one file: they change together."""
        return self.settings / "endpoint.pem"

    @property
    def authority_file(self) -> Path:
        """The only certificate authority that the agent trusts."""
        return self.settings / "ca.pem"

    @property
    def store_key_file(self) -> Path:
        """The key of the event store and of the outbox."""
        return self.data / "store.key"

    @property
    def store_file(self) -> Path:
        """The event store."""
        return self.data / "recorder.db"

    @property
    def outbox_file(self) -> Path:
        """Durable messages that the console has not acknowledged."""
        return self.data / "outbox" / "outbox.db"

    @property
    def intel_file(self) -> Path:
        """The rules as they were last deployed."""
        return self.data / "intel" / "deployed.msgpack"

    @property
    def sequence_file(self) -> Path:
        """Which instructions were accepted already."""
        return self.data / "instructions.json"

    @property
    def jobs(self) -> Path:
        """What heavy sensors found, one folder for each job."""
        return self.data / "jobs"

    @property
    def lock_file(self) -> Path:
        """Held by the running agent; contains its process id."""
        return self.runtime / "agent.pid"

    @property
    def status_socket(self) -> Path:
        """Where the running agent answers `status`."""
        return self.runtime / "status.sock"

    @property
    def log_file(self) -> Path:
        """The agent's own log."""
        return self.logs / "agent.log"

    def create(self) -> None:
        """Make every folder, private to its owner.

        Raises `DirectoryNotOurs` before anything is changed when one of them already holds
        somebody else's files.
        """
        for folder in self.own:
            _check_ours(folder)
        for folder in (*self.own, self.outbox_file.parent, self.intel_file.parent):
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            folder.chmod(PRIVATE_FOLDER)
        for folder in self.own:
            # Where it is there already nothing is written: the disk may be full.
            if not is_ours(folder):
                (folder / MARKER).write_text(MARKER_TEXT)


def _check_ours(folder: Path) -> None:
    # `--home /` would otherwise adopt /etc, make it private, and remove it on uninstall.
    if folder.name == OUR_NAME or is_ours(folder) or not folder.exists():
        return
    if folder.is_dir() and not any(folder.iterdir()):
        return
    raise DirectoryNotOurs(f"{folder} holds files that are not the agent's: choose another --home.")


def is_ours(folder: Path) -> bool:
    """Tell whether the agent made this folder (and may remove it)."""
    return (folder / MARKER).is_file() and not folder.is_symlink()
