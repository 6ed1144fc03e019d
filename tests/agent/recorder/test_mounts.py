"""Mounts, as the kernel lists them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.recorder.mounts import Mount, MountTable, mounts_of, parse_mounts, worth_watching

TEXT = rb"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
24 22 0:30 / /run\040time/a\012b rw shared:5 master:2 - tmpfs tmpfs rw,size=1k
25 22 254:0 /srv /mnt/again rw - ext4 /dev/vda rw
cut line
"""


class TestParseMounts:
    def test_returns_device_path_and_type(self) -> None:
        assert parse_mounts(TEXT)[0] == Mount("254:0", b"/", "ext4")

    def test_undoes_the_escapes_of_paths(self) -> None:
        assert parse_mounts(TEXT)[2].path == b"/run time/a\nb"

    def test_leads_into_another_namespace(self) -> None:
        assert parse_mounts(TEXT, root=b"/proc/7/root")[1].path == b"/proc/7/root/proc"

    @given(st.binary(max_size=400))
    def test_reads_anything_without_failing(self, text: bytes) -> None:
        for mount in parse_mounts(text):
            assert isinstance(mount.path, bytes)


class TestWorthWatching:
    def test_leaves_out_kernel_interfaces_and_repetitions(self) -> None:
        kept = worth_watching(parse_mounts(TEXT))

        assert [(mount.device, mount.file_system) for mount in kept] == [
            ("254:0", "ext4"),
            ("0:30", "tmpfs"),
        ]

    def test_prefers_the_whole_file_system_to_a_folder_of_it(self) -> None:
        bind_first = b"\n".join(reversed(TEXT.splitlines()))

        for text in (TEXT, bind_first):
            [disk] = [m for m in worth_watching(parse_mounts(text)) if m.device == "254:0"]
            assert disk.path == b"/"

    def test_keeps_every_way_to_a_file_system_that_may_not_answer(self) -> None:
        text = TEXT + (
            b"30 22 0:50 / /srv/share rw - nfs4 server:/ rw\n"
            b"31 22 0:50 /team /home/team rw - nfs4 server:/ rw\n"
            b"32 22 0:51 / /home/ada/mail rw - fuse.sshfs ada@server: rw\n"
        )

        remote = [mount.path for mount in worth_watching(parse_mounts(text)) if mount.remote]

        assert sorted(remote) == [b"/home/ada/mail", b"/home/team", b"/srv/share"]


class TestMountTable:
    def test_reads_the_mounts_of_this_namespace(self) -> None:
        table = MountTable()

        assert any(mount.path == b"/" for mount in table.read())
        assert not table.changed()
        table.close()


class TestMountsOf:
    def test_is_empty_for_a_process_that_ended(self) -> None:
        assert mounts_of(2**22) == []
