"""Who is behind a change: a user, or the system itself, and the address they came from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """The one on whose behalf a service runs. `user_id` is None for the system itself."""

    name: str
    user_id: int | None = None
    source_address: str = ""

    @classmethod
    def system(cls, name: str) -> Actor:
        """Return the actor for work that no user asked for, named after the program."""
        return cls(name=name)
