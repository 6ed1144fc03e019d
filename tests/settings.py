"""The console's settings with a data directory of the test run and a fast password hash."""

import os
import tempfile

os.environ.setdefault("VEDETTE_DATA", tempfile.mkdtemp(prefix="vedette-test-"))

from console.settings import *  # noqa: F403 - the data directory comes first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# WhiteNoise warns when the folder is missing, and warnings are errors here.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405 - from the star above
