"""Forms of the endpoint pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms

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
