"""The form of a Signal: plain fields; the services check what they mean."""

from __future__ import annotations

import re
from typing import Any, Final

from django import forms

from console.endpoints.models import Endpoint
from threatresponse.intel.models import IntelDocument
from threatresponse.intel.services import SignalDraft

_SEPARATORS: Final = re.compile(r"[,;\s]+")


class SignalForm(forms.Form):
    """What the author of a Signal fills in."""

    name = forms.CharField(
        max_length=255,
        widget=forms.TextInput(
            attrs={"class": "v-input", "placeholder": "Pipe from curl into a shell"}
        ),
    )
    platforms = forms.MultipleChoiceField(
        label="Operating systems",
        choices=Endpoint.OperatingSystem.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one operating system."},
    )
    definition = forms.CharField(
        strip=False,
        widget=forms.Textarea(attrs={"class": "v-input v-mono", "rows": 8, "spellcheck": "false"}),
    )
    techniques = forms.CharField(
        required=False,
        label="MITRE ATT&CK techniques",
        help_text="Ids such as T1059.004, separated by commas.",
        widget=forms.TextInput(attrs={"class": "v-input", "placeholder": "T1059.004, T1105"}),
    )
    description = forms.CharField(
        required=False,
        help_text="What it finds, why it matters, what to do when it fires.",
        widget=forms.Textarea(attrs={"class": "v-input", "rows": 3}),
    )

    @classmethod
    def of(cls, document: IntelDocument) -> SignalForm:
        """Return the form filled with what a document says now."""
        return cls(initial=initial_of(document))

    def draft(self) -> SignalDraft:
        """Return what was filled in. Call it on a valid form only."""
        fields: dict[str, Any] = self.cleaned_data
        techniques = [part for part in _SEPARATORS.split(fields["techniques"]) if part]
        return SignalDraft(
            name=fields["name"],
            definition=fields["definition"],
            platforms=fields["platforms"],
            techniques=techniques,
            description=fields["description"],
        )


def initial_of(document: IntelDocument) -> dict[str, Any]:
    """Return the values with which the form of a document starts."""
    return {
        "name": document.name,
        "platforms": document.platforms,
        "definition": document.definition,
        "techniques": ", ".join(document.techniques),
        "description": document.description,
    }
