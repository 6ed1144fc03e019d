from django.apps import AppConfig


class SupervisorConfig(AppConfig):
    """Starts and watches the programs of a console that runs on one machine."""

    name = "console.supervisor"
    label = "supervisor"
    verbose_name = "Supervisor"
