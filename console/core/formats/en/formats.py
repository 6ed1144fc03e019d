"""Instants as in every log: ISO 8601, and it says that they are UTC."""

from __future__ import annotations

from typing import Final

DATETIME_FORMAT: Final = "Y-m-d H:i:s \\U\\T\\C"
DATE_FORMAT: Final = "Y-m-d"
