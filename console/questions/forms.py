"""The form of a saved question: plain fields; the services check what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from django import forms

from console.access.content import content_sets_of
from console.access.models import ContentSet, User
from console.endpoints.models import ComputerGroup
from console.endpoints.reach import reach_of
from console.questions.models import SavedQuestion
from console.questions.saved import WRITE, SavedFields
from console.questions.services import ASK

UNITS: Final = ((60, "minutes"), (3600, "hours"), (86_400, "days"))
LIFETIMES: Final = (
    (60, "1 minute"),
    (600, "10 minutes"),
    (3600, "1 hour"),
    (28_800, "8 hours"),
    (86_400, "1 day"),
    (604_800, "7 days"),
)


class SavedQuestionForm(forms.Form):
    """What somebody fills in to keep a question, and to have it asked by the clock."""

    name = forms.CharField(
        max_length=255,
        widget=forms.TextInput(
            attrs={"class": "v-input", "placeholder": "Who listens on port 22", "autofocus": True}
        ),
    )
    text = forms.CharField(max_length=20_000)
    description = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"class": "v-input", "rows": 2}),
    )
    content_set = forms.ModelChoiceField(
        ContentSet.objects.none(),
        empty_label=None,
        help_text="Whoever may read this content set sees the question and may ask it.",
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    groups = forms.ModelMultipleChoiceField(
        ComputerGroup.objects.none(),
        required=False,
        help_text="None: everybody whom the asker may ask. A group in the text takes their place.",
        widget=forms.CheckboxSelectMultiple,
    )
    lifetime = forms.TypedChoiceField(
        coerce=int,
        choices=LIFETIMES,
        help_text="So long it waits for endpoints that are offline.",
        widget=forms.Select(attrs={"class": "v-input"}),
    )
    is_scheduled = forms.BooleanField(required=False)
    every = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=366 * 24 * 60,
        widget=forms.NumberInput(attrs={"class": "v-input", "inputmode": "numeric"}),
    )
    unit = forms.TypedChoiceField(
        coerce=int, choices=UNITS, widget=forms.Select(attrs={"class": "v-input"})
    )

    def __init__(self, *arguments: Any, user: User, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._choice("content_set").queryset = content_sets_of(user, WRITE)
        reach = reach_of(user, ASK)
        groups = ComputerGroup.objects.exclude(kind=ComputerGroup.Kind.NONE)
        if not reach.everything:
            groups = groups.filter(pk__in=reach.group_ids)
        self._choice("groups").queryset = groups
        self._choice("lifetime").choices = lifetimes_with(self.initial.get("lifetime"))

    def clean(self) -> dict[str, Any]:
        """Ask for the interval of what is scheduled."""
        fields: dict[str, Any] = super().clean() or {}
        if fields.get("is_scheduled") and not fields.get("every") and "every" not in self.errors:
            self.add_error("every", "Say how often.")
        return fields

    def fields_to_save(self) -> SavedFields:
        """Return what was filled in. Call it on a valid form only."""
        given = self.cleaned_data
        seconds = given["every"] * given["unit"] if given["is_scheduled"] else None
        return SavedFields(
            name=given["name"],
            text=given["text"],
            content_set=given["content_set"],
            description=given["description"],
            groups=list(given["groups"]),
            lifetime=timedelta(seconds=given["lifetime"]),
            interval=None if seconds is None else timedelta(seconds=seconds),
        )

    def _choice(self, name: str) -> Any:
        return self.fields[name]


def initial_of(saved: SavedQuestion) -> dict[str, Any]:
    """Return the values with which the form of a saved question starts."""
    every, unit = split_interval(saved.interval or 86_400)
    return {
        "name": saved.name,
        "text": saved.text,
        "description": saved.description,
        "content_set": saved.content_set_id,
        "groups": list(saved.groups.values_list("pk", flat=True)),
        "lifetime": saved.lifetime,
        "is_scheduled": saved.interval is not None,
        "every": every,
        "unit": unit,
    }


def initial_for(
    text: str, *, lifetime: int, groups: Iterable[ComputerGroup] = ()
) -> dict[str, Any]:
    """Return the values with which the form of a new one starts."""
    chosen = [group.pk for group in groups]
    return {"text": text, "lifetime": lifetime, "groups": chosen, "every": 1, "unit": 86_400}


def lifetimes_with(kept: int | None) -> list[tuple[int, str]]:
    """Return the lifetimes to choose from, with one that was chosen otherwise, as by the API."""
    lifetimes = dict(LIFETIMES)
    if kept is not None and kept not in lifetimes:
        lifetimes[kept] = f"{kept:,} seconds"
    return sorted(lifetimes.items())


def split_interval(seconds: int) -> tuple[int, int]:
    """Write an interval as a number of the largest unit that fits."""
    unit = max(each for each, _ in UNITS if seconds % each == 0 or each == UNITS[0][0])
    return max(1, seconds // unit), unit


def interval_text(seconds: int | None) -> str:
    """Say how often: "every 3 hours", "every day"; empty for never."""
    if seconds is None:
        return ""
    every, unit = split_interval(seconds)
    name = dict(UNITS)[unit]
    return f"every {name[:-1]}" if every == 1 else f"every {every:,} {name}"
