"""Sensors, questions and answers.

An answer of ten thousand endpoints is mostly the same rows: each distinct row of a question stands
once in `AnswerRow` with how often it was given, and `Answer` says which endpoint gave it. The grid
of somebody who reaches every asked endpoint reads the former alone.

Targets and answers come in thousands a second. Their foreign keys have no index of their own where
a constraint begins with the same column, and `Answer`, the largest, none that the database checks:
`console.questions.answers` writes only answers of targets, which are checked.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Sensor(models.Model):
    """A built-in sensor as the catalogue has it, or a user's own.

    `columns` and `parameters` hold the fields of `sensors.definitions`. A user's own sensor has a
    `language` and its newest `SensorVersion` holds the script.
    """

    class Language(models.TextChoices):
        PYTHON = "python", "Python"
        SHELL = "shell", "Shell"
        POWERSHELL = "powershell", "PowerShell"

    key = models.CharField(max_length=128, unique=True)
    name = models.CharField(max_length=255, unique=True)
    description = models.TextField(blank=True)
    category = models.CharField(max_length=64)
    content_set = models.ForeignKey(
        "access.ContentSet", on_delete=models.PROTECT, related_name="sensors"
    )
    columns = models.JSONField(default=list)
    parameters = models.JSONField(default=list)
    platforms = models.JSONField(default=list)
    cost = models.CharField(max_length=16)
    example = models.TextField(blank=True)
    aliases = models.JSONField(default=list)
    timeout = models.FloatField(default=30.0)
    language = models.CharField(max_length=16, choices=Language, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        # What somebody may do with a sensor is granted on its content set.
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class SensorVersion(models.Model):
    """One version of a user's own sensor, signed when it was saved: `signature` is over `script`.

    A script that was changed in the database by hand does not verify, and is not sent.
    """

    sensor = models.ForeignKey(Sensor, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    script = models.TextField()
    separator = models.CharField(max_length=8, default="|")
    output_limit = models.PositiveIntegerField(default=1024 * 1024)
    signature = models.BinaryField()
    saved_at = models.DateTimeField()
    saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    note = models.CharField(max_length=255, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=("sensor", "number"), name="sensor_version_is_unique"),
        )

    def __str__(self) -> str:
        return f"{self.sensor_id} version {self.number}"


class SavedQuestion(models.Model):
    """A question to ask again, by hand or every `interval` seconds."""

    name = models.CharField(max_length=255, unique=True)
    description = models.TextField(blank=True)
    text = models.TextField()
    content_set = models.ForeignKey(
        "access.ContentSet", on_delete=models.PROTECT, related_name="saved_questions"
    )
    groups = models.ManyToManyField("endpoints.ComputerGroup", blank=True, related_name="+")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    # What an answer may wait for offline endpoints, and how often it is asked; both in seconds.
    lifetime = models.PositiveIntegerField(default=600)
    interval = models.PositiveIntegerField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ("name",)
        default_permissions = ("view",)
        constraints = (
            models.CheckConstraint(
                condition=Q(interval=None) | Q(interval__gte=60), name="asked_at_most_every_minute"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Question(models.Model):
    """One question that was asked.

    `sequence` is the fleet's: it orders questions on the wire. `request` is the encoded
    `AskQuestion`, `envelope` what `protocol.signing.seal` made of it. The counters are of
    `QuestionTarget` and move with it in one transaction. `columns` lists
    `{"sensor", "name", "type"}`.
    """

    class Source(models.TextChoices):
        USER = "user", "Asked"
        SCHEDULE = "schedule", "Scheduled"
        GROUPS = "groups", "Computer groups"
        TEST = "test", "Sensor test"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sequence = models.PositiveBigIntegerField(unique=True)
    text = models.TextField()
    columns = models.JSONField(default=list)
    request = models.BinaryField()
    envelope = models.BinaryField()
    source = models.CharField(max_length=16, choices=Source, default=Source.USER)
    saved = models.ForeignKey(
        SavedQuestion, null=True, blank=True, on_delete=models.SET_NULL, related_name="questions"
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Endpoints that join one of these groups before `expires_at` are asked, too.
    groups = models.ManyToManyField("endpoints.ComputerGroup", blank=True, related_name="+")
    # Only the endpoints that were chosen when it was asked: nobody joins them.
    only_chosen = models.BooleanField(default=False, db_default=False)
    asked_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField(db_index=True)
    # Who may not use one of these sensors does not see the question, even when asking it once.
    sensors = models.ManyToManyField(Sensor, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.CharField(max_length=150, blank=True)
    asked = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0)
    not_matching = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    # Answers that were not stored: not asked, too late, of another width, too many rows.
    refused = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ("view",)
        permissions = (("ask_question", "Ask Dynamic Questions"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(asked__gte=F("answered") + F("not_matching") + F("failed")),
                name="no_more_answers_than_asked",
            ),
        )

    def __str__(self) -> str:
        return self.text


class QuestionTarget(models.Model):
    """One endpoint that was asked, and how far it is.

    WAITING until its last part is stored. `reason` says why there is no answer.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        ANSWERED = "answered", "Answered"
        NOT_MATCHING = "not-matching", "Not matching"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "No answer"
        CANCELLED = "cancelled", "Cancelled"

    question = models.ForeignKey(
        Question, on_delete=models.CASCADE, related_name="targets", db_index=False
    )
    endpoint = models.ForeignKey(
        "endpoints.Endpoint", on_delete=models.CASCADE, related_name="question_targets"
    )
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    parts_seen = models.PositiveBigIntegerField(default=0)  # bit n: part n is stored
    rows = models.PositiveIntegerField(default=0)
    cut = models.PositiveIntegerField(default=0)
    answered_at = models.DateTimeField(null=True, blank=True)
    took = models.PositiveBigIntegerField(default=0)  # microseconds on the endpoint
    reason = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("question", "endpoint"), name="endpoint_asked_once"),
        )
        indexes = (models.Index(fields=("question", "state"), name="target_by_state"),)

    def __str__(self) -> str:
        return f"{self.endpoint_id} asked {self.question_id}"


class AnswerRow(models.Model):
    """One distinct row of a question. `digest` is of its values (64 bit, signed)."""

    question = models.ForeignKey(
        Question, on_delete=models.CASCADE, related_name="rows", db_index=False
    )
    digest = models.BigIntegerField()
    values = models.JSONField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("question", "digest"), name="answer_row_is_distinct"),
        )

    def __str__(self) -> str:
        return f"{self.digest} of {self.question_id}"


class Answer(models.Model):
    """An endpoint gave a row of this question, so often."""

    question = models.ForeignKey(
        Question,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # Endpoints are revoked, never deleted: nobody looks for all answers of one.
    endpoint = models.ForeignKey(
        "endpoints.Endpoint",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    digest = models.BigIntegerField()
    count = models.PositiveIntegerField(default=1)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("question", "digest", "endpoint"), name="endpoint_gives_a_row_once"
            ),
        )
        indexes = (models.Index(fields=("question", "endpoint"), name="answer_by_endpoint"),)

    def __str__(self) -> str:
        return f"{self.digest} by {self.endpoint_id}"


class AnswerExport(models.Model):
    """A file made of one question's answer, for the user who asked for it."""

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        JSON_LINES = "jsonl", "JSON Lines"
        XLSX = "xlsx", "Excel"
        PARQUET = "parquet", "Parquet"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="exports")
    format = models.CharField(max_length=16, choices=Format)
    # What of the grid: filter, order, columns, whether merged; see `console.questions.grid`.
    view = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    rows_done = models.PositiveBigIntegerField(default=0)
    rows_total = models.PositiveBigIntegerField(default=0)
    file_name = models.CharField(max_length=255, blank=True)
    file_size = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.format} of {self.question_id}"
