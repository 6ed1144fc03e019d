"""Sensors of one's own as tests write them, and browsers of those who may."""

from __future__ import annotations

from typing import Any

from django.test import Client

from console.access.models import ContentSet, User
from console.core.actor import Actor
from console.questions.models import Sensor
from console.questions.sensors import SensorFields, create_sensor
from sensors.definitions import Column, Parameter, ValueType
from tests.console.questions import scene

BACKEND = "django.contrib.auth.backends.ModelBackend"


def default_set() -> ContentSet:
    """Return the content set in which tests write."""
    return ContentSet.objects.get(name="Default")


def own_sensor(user: User, **changes: Any) -> Sensor:
    """Save a sensor."""
    fields = {
        "name": "Quirky Room",
        "language": "shell",
        "script": "df",
        "columns": [Column("Mount"), Column("Free", ValueType.BYTES)],
        "parameters": [Parameter(key="least", title="Least", default="0", help="In bytes.")],
        "content_set": default_set(),
        "description": "Room on disks.",
        **changes,
    }
    return create_sensor(
        SensorFields(**fields), user=user, actor=Actor(user.username), now=scene.NOW
    )


def draft(**changes: Any) -> dict[str, Any]:
    """Return what the editor sends for a sensor that can be saved."""
    return {
        "name": "Quirky Room",
        "description": "Room on disks.",
        "category": "Own",
        "content_set": default_set().pk,
        "language": "shell",
        "script": "df",
        "columns": [{"name": "Mount", "type": "path"}, {"name": "Free", "type": "bytes"}],
        "parameters": [],
        "platforms": ["linux"],
        "cost": "light",
        "separator": "|",
        "timeout": 30,
        "output_limit": 1024,
        "note": "First",
        "version": 0,
        **changes,
    }


def client_of(user: User) -> Client:
    """Return a browser in which this user is logged in."""
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk), BACKEND)
    return client


def reader(*content_sets: str, name: str = "bob") -> User:
    """Make somebody who may see and read the sensors of these content sets."""
    permissions = ("questions.view_sensor",)
    return scene.person(name, permissions=permissions, content_sets=content_sets)


def writer(name: str = "carol", **fields: Any) -> User:
    """Make somebody who may write sensors in one content set, and ask."""
    permissions = ("questions.view_sensor", "questions.ask_question")
    user = scene.person(name, permissions=permissions, content_sets=["Default"], **fields)
    scene.grant_content(user.groups.get(), "Default", "write_sensor")
    return user
