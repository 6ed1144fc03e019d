from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The audit log."""

    name = "console.audit"
    label = "audit"
    verbose_name = "Audit"
