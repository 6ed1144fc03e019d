"""The small decodings of kernel records."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.recorder.kernelrecords import (
    EXEC,
    EXEC_CWD_CUT,
    EXEC_MEMORY_ONLY,
    EXEC_PATH_CUT,
    HEADER,
    TextCache,
    address_text,
    join_components,
)


class TestJoinComponents:
    @pytest.mark.parametrize(
        ("components", "shortcoming", "path"),
        [
            (b"sh\0bin\0usr\0", 0, "/usr/bin/sh"),
            (b"", 0, "/"),
            (b"memfd:evil\0", EXEC_MEMORY_ONLY, "memfd:evil"),
            (b"c\0b\0", EXEC_PATH_CUT, "…/b/c"),
            (b"c\0", EXEC_CWD_CUT, "…/c"),
            (b"a\nb\0<script>\0", 0, "/<script>/a\nb"),
            (b"\xff\0srv\0", 0, "/srv/\\xff"),
        ],
    )
    def test_gives_the_path_root_first(
        self, components: bytes, shortcoming: int, path: str
    ) -> None:
        assert join_components(components, shortcoming) == path

    @given(st.binary(max_size=300))
    def test_gives_valid_text_for_any_bytes(self, components: bytes) -> None:
        join_components(components, 0).encode("utf-8")


class TestAddressText:
    @pytest.mark.parametrize(
        ("family", "raw", "text"),
        [
            (socket.AF_INET, bytes([127, 0, 0, 1]) + bytes(12), "127.0.0.1"),
            (socket.AF_INET6, bytes(15) + b"\1", "::1"),
            (socket.AF_INET6, bytes(10) + b"\xff\xff" + bytes([10, 0, 0, 9]), "10.0.0.9"),
            (socket.AF_INET6, bytes.fromhex("20010db8" + "00" * 11 + "0a"), "2001:db8::a"),
        ],
    )
    def test_is_canonical(self, family: int, raw: bytes, text: str) -> None:
        assert address_text(family, raw) == text
        assert TextCache().address(family, raw) == text


class TestLayout:
    def test_is_that_of_the_kernel_programs(self) -> None:
        # sizeof(struct header) and what follows it in struct exec_record (recorder.bpf.c)
        assert (HEADER.size, EXEC.size) == (32, 88)
