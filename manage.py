#!/usr/bin/env python3
"""Django's command line for the console."""

import os
import sys

from django.core.management import execute_from_command_line

from console.core.exceptions import Unavailable

if __name__ == "__main__":
    # Tests never touch the data directory of the console.
    module = "tests.settings" if sys.argv[1:2] == ["test"] else "console.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", module)
    try:
        execute_from_command_line(sys.argv)
    except Unavailable as refusal:
        # The settings need a key file before Django can say anything itself.
        sys.exit(f"vedette: {refusal}")
