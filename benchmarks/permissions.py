"""C8: one page and the count of the endpoints that a user with 50 grants may see, of 100,000.

Beside it django-guardian as it is meant for single objects: the same endpoints granted to the same
role one by one, read with `get_objects_for_user`. Medians; both sides in one run, on SQLite and, if
it is installed, on PostgreSQL:

    python -m benchmarks.permissions [--endpoints 100000] [--rounds 11]
"""

from __future__ import annotations

import argparse

from benchmarks.engines import on_each_engine


def main() -> None:
    """Measure on every engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoints", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    on_each_engine("benchmarks.load.granted_endpoints", str(options.endpoints), str(options.rounds))


if __name__ == "__main__":
    main()
