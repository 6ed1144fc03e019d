"""Which containers there are, from the files in which their engines keep them.

No engine is asked: their sockets answer only while they run, and take orders besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.recorder.containers import read_container
from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorUnavailable
from agent.sensors.jsonfiles import first_text, json_at, members, texts_in
from agent.sensors.processlist import Processes
from agent.sensors.reading import names_in, text_at
from agent.sensors.values import boolean_text, instant_text_of_seconds

_DOCKER: Final = "var/lib/docker/containers"
_PODMAN: Final = "var/lib/containers/storage/overlay-containers"
_PODMAN_RUNNING: Final = "run/containers/storage/overlay-containers"
_CONTAINERD: Final = "run/containerd/io.containerd.runtime.v2.task"
_LXC: Final = "var/lib/lxc"
_FRACTION: Final = re.compile(r"\.(\d{1,6})\d*")
_LXC_IMAGE: Final = re.compile(r"^lxc\.rootfs\.path\s*=\s*(.+)$", re.MULTILINE)
# Every privilege that a process may have: linux/capability.h.
_POWERFUL: Final = "CAP_SYS_ADMIN"
_RUNNING, _STOPPED = "running", "stopped"


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """One container. `privileged` is None where its engine does not say."""

    engine: str
    id: str
    name: str = ""
    image: str = ""
    state: str = _STOPPED
    pid: str = ""
    created: str = ""
    started: str = ""
    command: str = ""
    privileged: bool | None = None
    mounts: tuple[str, ...] = ()


def containers(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every container."""
    root = context.root
    found = [*_docker(root), *_podman(root), *_containerd(root), *_lxc(root)]
    # Docker runs its containers through containerd: each is shown once, by who knows more.
    known: dict[str, Container] = {}
    for container in [*found, *_by_processes(context)]:
        known.setdefault(container.id, container)
    engines = (_DOCKER, _PODMAN, _CONTAINERD, _LXC)
    if not known and not any((root / place).exists() for place in engines):
        raise SensorUnavailable("No container engine has left anything on this computer.")
    for container in known.values():
        privileged = container.privileged
        yield (
            container.engine,
            container.name,
            container.id,
            container.image,
            container.state,
            container.pid,
            container.created,
            container.started,
            container.command,
            "" if privileged is None else boolean_text(privileged),
            ", ".join(container.mounts),
        )


def _docker(root: Path) -> Iterator[Container]:
    for name in names_in(root / _DOCKER):
        settings = json_at(root / _DOCKER / name / "config.v2.json")
        if not settings:
            continue
        host = json_at(root / _DOCKER / name / "hostconfig.json")
        state, config = members(settings, "State"), members(settings, "Config")
        mounts = members(settings, "MountPoints").values()
        yield Container(
            engine="docker",
            id=first_text(settings, "ID") or name,
            name=first_text(settings, "Name").removeprefix("/"),
            image=first_text(config, "Image"),
            state=_docker_state(state),
            pid=str(state.get("Pid") or ""),
            created=_instant(first_text(settings, "Created")),
            started=_instant(first_text(state, "StartedAt")),
            command=" ".join([first_text(settings, "Path"), *texts_in(settings.get("Args"))]),
            privileged=host.get("Privileged") is True,
            mounts=tuple(
                f"{first_text(mount, 'Source')}:{first_text(mount, 'Destination')}"
                for mount in mounts
                if isinstance(mount, dict)
            ),
        )


def _docker_state(state: Mapping[str, Any]) -> str:
    for name in ("Paused", "Restarting", "Dead", "Running"):
        if state.get(name) is True:
            return name.lower()
    return _STOPPED


def _podman(root: Path) -> Iterator[Container]:
    listed = json_at(root / _PODMAN / "containers.json").get("", [])
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, dict) or not first_text(entry, "id"):
            continue
        container_id = first_text(entry, "id")
        about = json_at(text=first_text(entry, "metadata"))
        running = root / _PODMAN_RUNNING / container_id / "userdata"
        bundle = json_at(root / _PODMAN / container_id / "userdata/config.json")
        pid = text_at(running / "pidfile")
        alive = pid.isdecimal() and (root / "proc" / pid).exists()
        yield Container(
            engine="podman",
            id=container_id,
            name=next(iter(texts_in(entry.get("names"))), ""),
            image=first_text(about, "image-name"),
            state=_RUNNING if alive else _STOPPED,
            pid=pid if alive else "",
            created=_instant(first_text(entry, "created")),
            **_of_bundle(bundle),
        )


def _containerd(root: Path) -> Iterator[Container]:
    for namespace in names_in(root / _CONTAINERD):
        for name in names_in(root / _CONTAINERD / namespace):
            folder = root / _CONTAINERD / namespace / name
            bundle = json_at(folder / "config.json")
            if bundle:
                notes = members(bundle, "annotations")
                pid = text_at(folder / "init.pid")
                yield Container(
                    engine=f"containerd ({namespace})",
                    id=name,
                    name=first_text(notes, "io.kubernetes.cri.container-name"),
                    image=first_text(notes, "io.kubernetes.cri.image-name"),
                    state=_RUNNING if (root / "proc" / pid).exists() and pid else _STOPPED,
                    pid=pid,
                    **_of_bundle(bundle),
                )


def _of_bundle(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a runtime was told: config.md of the OCI's runtime specification."""
    process = members(bundle, "process")
    capabilities = texts_in(members(process, "capabilities").get("effective"))
    mounts = bundle.get("mounts")
    return {
        "command": " ".join(texts_in(process.get("args"))),
        "privileged": _POWERFUL in capabilities if bundle else None,
        "mounts": tuple(
            f"{first_text(mount, 'source')}:{first_text(mount, 'destination')}"
            for mount in (mounts if isinstance(mounts, list) else [])
            if isinstance(mount, dict) and first_text(mount, "type") == "bind"
        ),
    }


def _lxc(root: Path) -> Iterator[Container]:
    for name in names_in(root / _LXC):
        settings = text_at(root / _LXC / name / "config")
        if settings:
            image = _LXC_IMAGE.search(settings)
            yield Container(
                engine="lxc",
                id=name,
                name=name,
                image=image[1].strip() if image else "",
                state="unknown",
            )


def _by_processes(context: SensorContext) -> Iterator[Container]:
    """Yield containers that nobody's files name, by their oldest process."""
    for process in Processes(context):
        container_id = read_container(text_at(process.folder / "cgroup").encode())
        if container_id:
            yield Container(
                engine="unknown",
                id=container_id,
                state=_RUNNING,
                pid=str(process.pid),
                started=instant_text_of_seconds(process.started_at / 1e6),
                command=process.command_line,
            )


def _instant(text: str) -> str:
    """Read RFC 3339 with nanoseconds; what never happened is year 1."""
    try:
        instant = datetime.fromisoformat(_FRACTION.sub(_microseconds, text))
    except ValueError:
        return ""
    return instant_text_of_seconds(instant.timestamp()) if instant.year > 1 else ""


def _microseconds(found: re.Match[str]) -> str:
    return f".{found[1]:0<6}"


SENSORS: Final[dict[str, SensorFunction]] = {"containers.list": containers}
