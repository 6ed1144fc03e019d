from __future__ import annotations

from pathlib import Path

import pytest

from console.core.database import database_from_url

DEFAULT = Path("/data/console.sqlite3")


class TestDatabaseUrl:
    def test_means_the_default_file_when_it_is_empty(self) -> None:
        settings = database_from_url("", default_path=DEFAULT)

        assert settings["ENGINE"].endswith("sqlite3")
        assert settings["NAME"] == DEFAULT
        assert settings["OPTIONS"]["transaction_mode"] == "IMMEDIATE"

    def test_names_a_sqlite_file(self) -> None:
        assert database_from_url("sqlite:////a%20b.db", default_path=DEFAULT)["NAME"] == "//a b.db"

    def test_names_a_postgresql_database(self) -> None:
        settings = database_from_url(
            "postgresql://ada:p%40ss@db.example:5433/vedette?sslmode=verify-full",
            default_path=DEFAULT,
        )

        assert settings["ENGINE"].endswith("postgresql")
        assert (settings["USER"], settings["PASSWORD"]) == ("ada", "p@ss")
        assert (settings["HOST"], settings["PORT"], settings["NAME"]) == (
            "db.example",
            5433,
            "vedette",
        )
        assert settings["OPTIONS"] == {"sslmode": "verify-full"}

    def test_leaves_no_connection_open_behind_a_request(self) -> None:
        settings = database_from_url("postgres://db/vedette", default_path=DEFAULT)

        assert settings["CONN_MAX_AGE"] == 0

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("mysql://db/vedette", "begins with 'mysql'"),
            ("postgresql://db", "names no database"),
            ("postgresql://ada:s3/cret@db/vedette", "is not an address"),
            ("postgresql://[s3cret/vedette", "is not an address"),
        ],
    )
    def test_that_is_none_is_refused_without_its_password(self, url: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason) as refused:
            database_from_url(url, default_path=DEFAULT)

        assert "s3" not in str(refused.value)
