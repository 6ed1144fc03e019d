"""Foreign keys point down, like imports; import-linter cannot see them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db.models import Model

# Lowest first. A model may refer to models of its own app and of apps before it.
ORDER = (
    "contenttypes",
    "auth",
    "core",
    "audit",
    "access",
    "certificates",
    "endpoints",
    "gateway",
    "questions",
    "directconnect",
    "intel",
    "deployment",
    "alerts",
    "live",
)


def _references() -> Iterator[tuple[type[Model], type[Model], str]]:
    for model in apps.get_models():
        if model._meta.app_label not in ORDER:
            continue
        for field in model._meta.get_fields():
            target = getattr(field, "related_model", None)
            if field.concrete and isinstance(target, type) and issubclass(target, Model):
                yield model, target, field.name


@pytest.mark.parametrize(
    ("model", "target", "field"),
    [pytest.param(*row, id=f"{row[0]._meta.label}.{row[2]}") for row in _references()],
)
def test_foreign_key_points_down(model: type[Model], target: type[Model], field: str) -> None:
    own, other = ORDER.index(model._meta.app_label), ORDER.index(target._meta.app_label)

    assert other <= own, f"{model._meta.label}.{field} points up to {target._meta.label}"


def test_every_app_of_ours_has_its_place_in_the_order() -> None:
    packages = ("console.", "directconnect", "threatresponse.")
    ours = {config.label for config in apps.get_app_configs() if config.name.startswith(packages)}

    assert ours - set(ORDER) <= {"supervisor"}
