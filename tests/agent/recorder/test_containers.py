"""Container ids from control groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.recorder.containers import Containers, read_container

ID = "0123456789ab" + "c" * 52


class TestReadContainer:
    @pytest.mark.parametrize(
        "text",
        [
            f"0::/system.slice/docker-{ID}.scope\n",
            f"12:pids:/kubepods/burstable/pod1/{ID}\n0::/\n",
            f"0::/machine.slice/libpod-{ID}.scope/container\n",
            f"0::/kubepods.slice/cri-containerd-{ID}.scope\n",
        ],
    )
    def test_finds_the_id(self, text: str) -> None:
        assert read_container(text.encode()) == "0123456789ab"

    @pytest.mark.parametrize("text", ["0::/user.slice\n", "", f"0::/x{ID}\n", "0::/" + "a" * 63])
    def test_finds_none_elsewhere(self, text: str) -> None:
        assert read_container(text.encode()) == ""


class TestContainers:
    def test_asks_once_per_group(self, tmp_path: Path) -> None:
        (tmp_path / "7").mkdir()
        (tmp_path / "7" / "cgroup").write_text(f"0::/docker-{ID}.scope\n")
        containers = Containers(tmp_path)

        assert containers.name(5, 1, 8) == ""
        assert containers.name(5, 1, 7) == "0123456789ab"
        assert containers.name(5, 1, 8) == "0123456789ab"
        assert containers.name(5, 2, 8) == ""
