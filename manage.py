#!/usr/bin/env python3
"""Django's command line for the console."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from console.core.exceptions import Unavailable
from console.core.program_start import begin_program

if __name__ == "__main__":
    # Tests never touch the data directory of the console.
    is_test = sys.argv[1:2] == ["test"]
    module = "tests.settings" if is_test else "console.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", module)
    try:
        if not is_test:
            begin_program()
        execute_from_command_line(sys.argv)
    except (Unavailable, ImproperlyConfigured) as refusal:
        # Without its directory, its key file or the driver of its database the console can do
        # nothing: no traceback says more.
        sys.exit(f"vedette: {refusal}")
