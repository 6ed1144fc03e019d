"""The rival's rows."""

from __future__ import annotations

from django.db import models


class Answer(models.Model):
    """One endpoint's answer to one question."""

    question = models.PositiveIntegerField(db_index=True)
    endpoint = models.CharField(max_length=64)
    outcome = models.CharField(max_length=16)

    class Meta:
        app_label = "channels_orm"

    def __str__(self) -> str:
        return f"{self.question} {self.endpoint}"
