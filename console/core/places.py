"""Where the console keeps things, by the environment alone: known without settings and Django."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

BASE_DIR: Final = Path(__file__).resolve().parents[2]
DATA_DIR: Final = Path(os.environ.get("VEDETTE_DATA") or BASE_DIR / "data").resolve()
KEYS_DIR: Final = DATA_DIR / "keys"
