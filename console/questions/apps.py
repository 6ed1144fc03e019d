from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import import_string

from console.core.live_topics import register_topic
from console.endpoints.hooks import endpoint_enrolled, membership_changed
from console.modules import EndpointOperation, MenuEntry, Module, register_module
from protocol.messages import QuestionAnswered


class QuestionsConfig(AppConfig):
    """Questions to endpoints."""

    name = "console.questions"
    label = "questions"
    verbose_name = "Questions"

    def ready(self) -> None:
        """Join the console. By name: services need models, which exist only from here on."""
        register_topic(
            "questions",
            permission="questions.ask_question",
            or_permissions=("questions.view_question",),
            narrow=import_string("console.questions.news.news_about_seen"),
        )
        register_module(
            Module(
                name="questions",
                menu=(
                    MenuEntry(
                        group="Endpoints",
                        title="Questions",
                        icon="forum",
                        url_name="questions",
                        permission="questions.ask_question",
                        or_permissions=("questions.view_question",),
                        order=5,
                    ),
                    MenuEntry(
                        group="Endpoints",
                        title="Saved questions",
                        icon="bookmarks",
                        url_name="saved-questions",
                        permission="questions.view_savedquestion",
                        order=6,
                    ),
                    MenuEntry(
                        group="Endpoints",
                        title="Sensors",
                        icon="query_stats",
                        url_name="sensors",
                        permission="questions.view_sensor",
                        order=7,
                    ),
                ),
                api_urls="console.questions.api.urls",
                page_urls="console.questions.urls",
                home="console.questions.home.home_part",
                endpoint_operations=(
                    EndpointOperation(
                        title="Ask this endpoint",
                        icon="forum",
                        url_name="question-about",
                        permission="questions.ask_question",
                        needs_online=False,
                    ),
                ),
                handlers={
                    QuestionAnswered: import_string("console.questions.answers.record_answers")
                },
            )
        )
        post_migrate.connect(
            import_string("console.questions.hooks.sync_sensors"),
            sender=self,
            dispatch_uid="questions.sync_sensors",
        )
        endpoint_enrolled.connect(
            import_string("console.questions.hooks.ask_enrolled"),
            dispatch_uid="questions.ask_enrolled",
        )
        membership_changed.connect(
            import_string("console.questions.hooks.ask_joined"),
            dispatch_uid="questions.ask_joined",
        )
        import_string("console.endpoints.rules.offer_sensors")(
            import_string("console.questions.hooks.own_sensors")
        )
        import_string("console.endpoints.trial.allow_sensors")(
            import_string("console.questions.catalogue.definitions_for")
        )
