"""Containers, on the files that their engines keep."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agent.sensors.exceptions import SensorUnavailable
from tests.agent.sensors.comparing import rows_of, write

ID = "4a" * 32
DOCKER = {
    "ID": ID,
    "Created": "2024-05-01T10:00:00.123456789Z",
    "Path": "/bin/sh",
    "Args": ["-c", "sleep 1"],
    "Config": {"Image": "debian:12"},
    "Name": "/web",
    "State": {"Running": True, "Pid": 42, "StartedAt": "2024-05-01T10:00:01Z"},
    "MountPoints": {"/host": {"Source": "/", "Destination": "/host"}},
}
BUNDLE = {
    "process": {"args": ["/pause"], "capabilities": {"effective": ["CAP_SYS_ADMIN"]}},
    "mounts": [{"type": "bind", "source": "/a", "destination": "/b"}, {"type": "proc"}],
    "annotations": {"io.kubernetes.cri.container-name": "pause"},
}


class TestContainers:
    def test_are_read_from_every_engine(self, tmp_path: Path) -> None:
        podman = [
            {
                "id": "b" * 64,
                "names": ["db"],
                "metadata": json.dumps({"image-name": "docker.io/postgres"}),
                "created": "2024-05-01T10:00:00+02:00",
            },
            "nonsense",
        ]
        task = "run/containerd/io.containerd.runtime.v2.task"
        write(
            tmp_path,
            {
                "proc/1/x": "",
                f"var/lib/docker/containers/{ID}/config.v2.json": json.dumps(DOCKER),
                f"var/lib/docker/containers/{ID}/hostconfig.json": '{"Privileged": true}',
                "var/lib/containers/storage/overlay-containers/containers.json": json.dumps(podman),
                f"{task}/moby/{ID}/config.json": json.dumps(BUNDLE),
                f"{task}/k8s.io/{'c' * 64}/config.json": json.dumps(BUNDLE),
                f"{task}/k8s.io/{'c' * 64}/init.pid": "1",
                "var/lib/lxc/box/config": "lxc.rootfs.path = dir:/var/lib/lxc/box/rootfs\n",
            },
        )

        rows = {row["Name"]: row for row in rows_of("containers.list", tmp_path)}

        assert list(rows) == ["web", "db", "pause", "box"]
        web = rows["web"]
        assert (web["Engine"], web["Image"], web["State"], web["PID"]) == (
            "docker",
            "debian:12",
            "running",
            "42",
        )
        assert web["Created"] == "2024-05-01 10:00:00.123+00:00"
        assert (web["Command"], web["Mounts"]) == ("/bin/sh -c sleep 1", "/:/host")
        assert (web["Privileged"], rows["box"]["Privileged"]) == ("True", "")
        assert (rows["db"]["State"], rows["db"]["Image"]) == ("stopped", "docker.io/postgres")
        assert rows["db"]["Created"] == "2024-05-01 08:00:00.000+00:00"
        assert (rows["pause"]["Engine"], rows["pause"]["State"]) == (
            "containerd (k8s.io)",
            "running",
        )
        assert (rows["pause"]["Privileged"], rows["pause"]["Mounts"]) == ("True", "/a:/b")

    def test_of_unknown_engines_are_seen_by_their_processes(self, tmp_path: Path) -> None:
        name = "d" * 64
        fields = " ".join(["S", "1", *["0"] * 40])
        write(
            tmp_path,
            {
                "proc/77/stat": f"77 (sh) {fields}",
                "proc/77/cmdline": b"sh\0-i\0",
                "proc/77/cgroup": f"0::/system.slice/crio-{name}.scope\n",
            },
        )

        (row,) = rows_of("containers.list", tmp_path)

        assert (row["Engine"], row["PID"], row["Command"]) == ("unknown", "77", "sh -i")
        assert row["Container ID"] == name[: len(row["Container ID"])]

    @pytest.mark.parametrize(
        "text", ["", "[", "[1]", '{"State": 3, "Config": [], "Args": {}}', "[" * 99999]
    )
    def test_survive_any_file(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "proc").mkdir()
        folder = f"var/lib/docker/containers/{ID}"
        write(tmp_path, {f"{folder}/config.v2.json": text})
        os.mkfifo(tmp_path / folder / "hostconfig.json")

        assert isinstance(rows_of("containers.list", tmp_path), list)

    def test_are_missed_aloud(self, tmp_path: Path) -> None:
        (tmp_path / "proc").mkdir()

        with pytest.raises(SensorUnavailable, match="No container engine"):
            rows_of("containers.list", tmp_path)
