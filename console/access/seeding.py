"""Write the catalogue into the database, after every migration: permissions, roles, content sets.

Running it again changes nothing. A seeded role always has exactly the permissions of the
catalogue, so that an update of the console updates it, too; who has it, and which endpoints it
reaches, is left alone. A permission that is no longer in the catalogue is taken from everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps as installed
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from console.access.catalogue import (
    named_permissions,
    seeded_content_sets,
    seeded_roles,
)
from console.access.grants import GivenPowers, write_powers
from console.access.models import ContentSet, Role


def seed_after_migration(*, using: str, apps: Apps = installed, **_: Any) -> None:
    """Seed, unless this was a migration back to before there were roles."""
    if "role" not in apps.all_models["access"]:
        return
    # The permissions of apps that come after this one are not there yet.
    for config in installed.get_app_configs():
        create_permissions(config, verbosity=0, using=using)
    with transaction.atomic(using=using):
        seed_catalogue()


def seed_catalogue() -> None:
    """Make what is missing and correct what differs."""
    _seed_permissions()
    _seed_content_sets()
    _seed_roles()


def _seed_permissions() -> None:
    content_type = ContentType.objects.get_for_model(Role)
    wanted = {
        permission.key: permission.title
        for permission in named_permissions()
        if not permission.per_content_set
    }
    own = {name for name, _ in Role._meta.permissions}
    own |= {f"{verb}_{Role._meta.model_name}" for verb in Role._meta.default_permissions}
    stored = Permission.objects.filter(content_type=content_type).exclude(codename__in=own)
    stored.exclude(codename__in=wanted).delete()
    Permission.objects.bulk_create(
        (
            Permission(content_type=content_type, codename=key, name=title)
            for key, title in wanted.items()
        ),
        update_conflicts=True,
        unique_fields=("content_type", "codename"),
        update_fields=("name",),
    )


def _seed_content_sets() -> None:
    ContentSet.objects.bulk_create(
        (
            ContentSet(name=seed.name, description=seed.description, reserved=seed.reserved)
            for seed in seeded_content_sets()
        ),
        update_conflicts=True,
        unique_fields=("name",),
        update_fields=("description", "reserved"),
    )


def _seed_roles() -> None:
    seeds = seeded_roles()
    stored = {role.key: role for role in Role.objects.exclude(key=None)}
    for seed in seeds:
        role = stored.get(seed.key) or Role(key=seed.key)
        if (role.name, role.description) != (seed.name, seed.description):
            role.name, role.description = _free_name(seed.name, role.pk), seed.description
            role.save()
            stored[seed.key] = role
    write_powers({stored[seed.key]: GivenPowers(seed.permissions, seed.content) for seed in seeds})


def _free_name(name: str, own: Any) -> str:
    # A role of a user's own may have had the name before the seeded one came.
    taken = set(Role.objects.exclude(pk=own).values_list("name", flat=True))
    candidates: Iterable[str] = (name, *(f"{name} ({number})" for number in range(2, 1000)))
    return next(candidate for candidate in candidates if candidate not in taken)
