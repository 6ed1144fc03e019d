"""Folders, settings and small files."""

from __future__ import annotations

import stat
from pathlib import Path
from random import SystemRandom

import pytest

from agent.addresses import Address, read_address
from agent.backoff import Backoff
from agent.directories import MARKER, Directories, is_ours
from agent.durable_file import write_durably
from agent.exceptions import AlreadyRunning, DirectoryNotOurs, SettingsInvalid
from agent.identity import store_key
from agent.instance import only_instance, running_process
from agent.machine import describe_machine, own_addresses
from agent.settings import GIBIBYTE, Settings, read_settings


class TestDirectories:
    def test_are_private_and_marked(self, directories: Directories) -> None:
        directories.create()

        for folder in directories.own:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert is_ours(folder)

    def test_can_be_made_twice(self, directories: Directories) -> None:
        directories.create()
        directories.create()

    def test_write_nothing_when_they_are_there(self, directories: Directories) -> None:
        directories.create()
        before = [(folder / MARKER).stat().st_mtime_ns for folder in directories.own]

        directories.create()

        assert [(folder / MARKER).stat().st_mtime_ns for folder in directories.own] == before

    def test_never_adopt_a_folder_of_somebody_else(self, tmp_path: Path) -> None:
        foreign = tmp_path / "etc"
        foreign.mkdir(mode=0o755)
        (foreign / "passwd").write_text("root")

        with pytest.raises(DirectoryNotOurs, match="not the agent's"):
            Directories.under(tmp_path).create()

        assert stat.S_IMODE(foreign.stat().st_mode) == 0o755
        assert not (tmp_path / "data").exists()

    def test_stand_where_a_service_has_them(self) -> None:
        directories = Directories.of_this_computer()

        assert directories.settings == Path("/etc/vedette-agent")
        assert directories.store_file == Path("/var/lib/vedette-agent/recorder.db")


class TestSettings:
    def test_have_defaults_without_a_file(self, tmp_path: Path) -> None:
        settings = read_settings(tmp_path / "none.toml")

        assert settings == Settings()
        assert settings.store.max_bytes == GIBIBYTE
        assert settings.store.max_days == 7

    def test_are_read_from_toml(self, tmp_path: Path) -> None:
        file = tmp_path / "settings.toml"
        file.write_text("[store]\nmax_days = 30\n[throttle]\nalerts = 9\n")

        settings = read_settings(file)

        assert (settings.store.max_days, settings.throttle.alerts) == (30, 9)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("[store]\nmax_day = 3", "max_day"),
            ("[store]\nmax_days = 'x'", "Expected `int`"),
            ("[store]\nmax_days = 0", "at least 1"),
            ("[outbox]\nmax_bytes = 1", "at least 1048576"),
            ("[throttle]\nalerts = 0", "at least 1"),
            ("nonsense", "settings.toml"),
        ],
    )
    def test_refuse_what_is_wrong_with_the_place(
        self, tmp_path: Path, text: str, reason: str
    ) -> None:
        file = tmp_path / "settings.toml"
        file.write_text(text)

        with pytest.raises(SettingsInvalid, match=reason):
            read_settings(file)


class TestDurableFile:
    def test_replaces_the_old_content(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        write_durably(file, b"old")

        write_durably(file, b"new")

        assert file.read_bytes() == b"new"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"]

    def test_passes_over_the_draft_of_a_killed_predecessor(self, tmp_path: Path) -> None:
        (tmp_path / ".file.new").write_text("half")

        write_durably(tmp_path / "file", b"whole")

        assert (tmp_path / "file").read_bytes() == b"whole"


class TestStoreKey:
    def test_is_made_once_and_private(self, tmp_path: Path) -> None:
        file = tmp_path / "store.key"

        key = store_key(file)

        assert len(key) == 32
        assert store_key(file) == key
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_is_refused_when_damaged(self, tmp_path: Path) -> None:
        (tmp_path / "store.key").write_bytes(b"short")

        with pytest.raises(SettingsInvalid, match="32 bytes"):
            store_key(tmp_path / "store.key")


class TestInstance:
    def test_is_alone_on_its_home(self, tmp_path: Path) -> None:
        lock = tmp_path / "agent.pid"
        with only_instance(lock):
            assert running_process(lock)
            with pytest.raises(AlreadyRunning, match="process"), only_instance(lock):
                pass

        assert running_process(lock) is None
        with only_instance(lock):
            pass

    def test_is_never_taken_for_none_when_it_could_not_say_who_it_is(self, tmp_path: Path) -> None:
        lock_file = tmp_path / "agent.pid"

        with only_instance(lock_file):
            lock_file.write_text("")

            with pytest.raises(AlreadyRunning, match="stop it first"):
                running_process(lock_file)


class TestAddress:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("console.example:1", Address("console.example", 1)),
            ("10.0.0.1", Address("10.0.0.1", 17443)),
            ("[fe80::1]:2", Address("fe80::1", 2)),
            ("fe80::1", Address("fe80::1", 17443)),
        ],
    )
    def test_is_read_as_people_write_it(self, text: str, address: Address) -> None:
        assert read_address(text, default_port=17443) == address
        assert read_address(str(address)) == address


class TestBackoff:
    def test_spreads_waits_below_a_growing_bound(self) -> None:
        backoff = Backoff(first=1.0, cap=8.0, random=SystemRandom())

        for bound in (1, 2, 4, 8, 8, 8):
            assert 0 <= backoff.next_wait() <= bound
        backoff.reset()
        assert backoff.next_wait() <= 1

    @pytest.mark.parametrize("asked", [-5.0, 0.0, 3.0, 1e9])
    def test_waits_at_least_as_asked_within_reason(self, asked: float) -> None:
        backoff = Backoff(first=1.0, cap=60.0, random=SystemRandom())

        wait = backoff.requested_wait(asked)

        assert min(max(asked, 0), 60) <= wait <= 75 + 1


class TestMachine:
    def test_describes_itself(self) -> None:
        machine = describe_machine()

        assert machine.os == "linux"
        assert machine.kernel
        assert machine.host_name

    def test_leaves_loopback_out(self) -> None:
        assert not any(a.startswith("127.") or a == "::1" for a in own_addresses())

    def test_lives_without_facts(self, tmp_path: Path) -> None:
        assert describe_machine(tmp_path).machine_id == ""

    def test_reads_the_systems_release(self, tmp_path: Path) -> None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/os-release").write_text('NAME="Some Linux"\nVERSION_ID=12\n# x=1\n')
        (tmp_path / "etc/machine-id").write_text("abc\n")

        machine = describe_machine(tmp_path)

        assert (machine.os_name, machine.os_version, machine.machine_id) == (
            "Some Linux",
            "12",
            "abc",
        )
