"""The console's settings with a data directory of the test run and a fast password hash."""

import os
import tempfile

# One directory for each worker of a test run and the programs that it starts. The user's own
# VEDETTE_DATA is never touched, and workers do not share a Valkey.
_mark = f"VEDETTE_TEST_DIRECTORY_{os.environ.get('PYTEST_XDIST_WORKER', 'main').upper()}"
if _mark not in os.environ:
    os.environ[_mark] = tempfile.mkdtemp(prefix="vedette-test-")
os.environ["VEDETTE_DATA"] = os.environ[_mark]

from console.core.database import database_from_url  # noqa: E402
from console.settings import *  # noqa: E402, F403 - the data directory comes first

if "VEDETTE_TEST_POSTGRES" in os.environ:
    # Not by DATABASE_URL, which programs that a test starts would inherit.
    DATABASES["default"] = database_from_url(  # noqa: F405 - from the star above
        f"postgresql://vedette@/vedette?host={os.environ['VEDETTE_TEST_POSTGRES']}",
        default_path=DATA_DIR,  # noqa: F405 - from the star above
    )

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# WhiteNoise warns when the folder is missing, and warnings are errors here.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405 - from the star above
TEST_RUNNER = "tests.runner.PytestRunner"
