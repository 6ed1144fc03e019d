"""What the administrator of an endpoint may decide, in `settings.toml`.

Every setting has a default that is right for an ordinary computer, so the file may be absent.
An unknown name is an error, not a comment: a typing error must not silently keep a default.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from agent.exceptions import SettingsInvalid

MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE


class StoreSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How much the event store keeps: whichever limit is reached first counts."""

    max_bytes: int = GIBIBYTE
    max_days: int = 7
    # Below this much free space the store stops growing, so that the computer's own work
    # never fails because of the agent.
    keep_free_bytes: int = 256 * MEBIBYTE

    def __post_init__(self) -> None:
        if self.max_bytes < 16 * MEBIBYTE:
            raise ValueError("store.max_bytes must be at least 16777216 (16 MiB)")
        if self.max_days < 1:
            raise ValueError("store.max_days must be at least 1")
        if self.keep_free_bytes < 0:
            raise ValueError("store.keep_free_bytes must not be negative")


class OutboxSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How much may wait for the console while it cannot be reached."""

    max_bytes: int = 64 * MEBIBYTE

    def __post_init__(self) -> None:
        if self.max_bytes < MEBIBYTE:
            raise ValueError("outbox.max_bytes must be at least 1048576 (1 MiB)")


class ThrottleSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How many alerts one piece of intel may raise within a window."""

    alerts: int = 5
    window_seconds: int = 300

    def __post_init__(self) -> None:
        if self.alerts < 1 or self.window_seconds < 1:
            raise ValueError("throttle.alerts and throttle.window_seconds must be at least 1")


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """All settings of one agent."""

    store: StoreSettings = StoreSettings()
    outbox: OutboxSettings = OutboxSettings()
    throttle: ThrottleSettings = ThrottleSettings()


def read_settings(path: Path) -> Settings:
    """Read the settings file; the defaults hold where it is absent.

    Raises `SettingsInvalid` with the place and the reason.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Settings()
    try:
        return msgspec.toml.decode(text, type=Settings)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path}: {error}.") from error
