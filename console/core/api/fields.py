"""Fields of the API that refuse what the framework's own let through to the database."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

# What a column of ids holds, on both engines.
_LARGEST_ID: Final = 2**63 - 1


class NamedById(serializers.PrimaryKeyRelatedField[Any]):
    """A thing named by its number. One that no column can hold names nothing."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the thing, or raise ValidationError."""
        try:
            number = int(data)
        except (TypeError, ValueError, OverflowError):
            # Of another type: the framework knows what to say.
            return super().to_internal_value(data)
        if not 0 <= number <= _LARGEST_ID:
            self.fail("does_not_exist", pk_value=str(data)[:40])
        return super().to_internal_value(data)
