"""Forms of the endpoint pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms

from console.core.exceptions import InvalidInput
from console.endpoints.groups import LONGEST_RULE
from console.endpoints.labels import COLOURS
from console.endpoints.models import ComputerGroup

LIFETIMES: Final = (
    ("1", "1 hour"),
    ("24", "1 day"),
    ("168", "7 days"),
    ("720", "30 days"),
)


def _styled(widget: forms.Widget) -> forms.Widget:
    widget.attrs["class"] = "v-input"
    return widget


class AddEndpointForm(forms.Form):
    """What an enrolment token needs: a name, how many computers, for how long."""

    name = forms.CharField(
        max_length=128,
        initial="New endpoints",
        help_text="For whom it is; it stands in the audit log.",
        widget=_styled(forms.TextInput()),
    )
    uses = forms.IntegerField(
        min_value=1,
        max_value=100_000,
        initial=1,
        label="Computers that may join",
        widget=_styled(forms.NumberInput()),
    )
    lifetime = forms.ChoiceField(
        choices=LIFETIMES, initial="24", label="Expires after", widget=_styled(forms.Select())
    )

    def expires_at(self, *, now: datetime) -> datetime:
        """Return the instant at which the token ends. Call it on a valid form only."""
        return now + timedelta(hours=int(self.cleaned_data["lifetime"]))


class RevokeEndpointForm(forms.Form):
    """The reason for cutting an endpoint off, and its name typed by hand."""

    reason = forms.CharField(
        max_length=255,
        help_text="It stands in the audit log.",
        widget=_styled(forms.TextInput(attrs={"placeholder": "Decommissioned, stolen, …"})),
    )
    confirmation = forms.CharField(max_length=255, widget=_styled(forms.TextInput()))

    def __init__(self, *args: Any, host_name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.host_name = host_name
        self.fields["confirmation"].label = f"Type {host_name} to confirm"

    def clean_confirmation(self) -> str:
        """Refuse anything but the host name."""
        typed: str = self.cleaned_data["confirmation"]
        if typed != self.host_name:
            raise forms.ValidationError("This is not the endpoint's name.")
        return typed


class RefusedByServiceForm(forms.Form):
    """A form whose fields a service may refuse after it was found valid here."""

    def refuse(self, refusal: InvalidInput) -> None:
        """Show a service's refusal at the fields that it names."""
        for name, errors in refusal.errors.items():
            for error in errors:
                self.add_error(name if name in self.fields else None, error)
        if not refusal.errors:
            self.add_error(None, refusal.detail)


class GroupForm(RefusedByServiceForm):
    """A computer group: its rule as text, or its members by name or id, one a line."""

    name = forms.CharField(max_length=128, widget=_styled(forms.TextInput()))
    kind = forms.ChoiceField(
        choices=[
            (ComputerGroup.Kind.FILTER, "By a rule"),
            (ComputerGroup.Kind.MANUAL, "By hand"),
        ],
        initial=ComputerGroup.Kind.FILTER,
    )
    description = forms.CharField(
        required=False,
        max_length=4096,
        widget=_styled(forms.Textarea(attrs={"rows": 2})),
    )
    rule = forms.CharField(
        required=False,
        max_length=LONGEST_RULE,
        widget=_styled(
            forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "off"})
        ),
    )
    members = forms.CharField(
        required=False,
        max_length=2_000_000,
        widget=_styled(
            forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "autocapitalize": "off"})
        ),
    )


class LabelForm(RefusedByServiceForm):
    """A label: a word and a colour."""

    name = forms.CharField(
        max_length=64,
        help_text="Groups can ask for it: Label is “crown jewel”.",
        widget=_styled(forms.TextInput()),
    )
    colour = forms.ChoiceField(
        choices=[(colour, colour.title() or "None") for colour in COLOURS],
        required=False,
        widget=_styled(forms.Select()),
    )
