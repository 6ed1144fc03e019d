from django.apps import AppConfig


class QuestionsConfig(AppConfig):
    """Questions to endpoints."""

    name = "console.questions"
    label = "questions"
    verbose_name = "Questions"
