from django.apps import AppConfig
from django.utils.module_loading import import_string

from console.core.live_topics import register_topic
from console.modules import MenuEntry, Module, register_module
from protocol.messages import AlertRaised


class AlertsConfig(AppConfig):
    """What rules found."""

    name = "threatresponse.alerts"
    label = "alerts"
    verbose_name = "Alerts"

    def ready(self) -> None:
        """Join the console. By name: services need models, which exist only from here on."""
        register_topic(
            "alerts",
            permission="alerts.view_alert",
            narrow=import_string("threatresponse.alerts.news.news_reached_by"),
        )
        register_module(
            Module(
                name="alerts",
                menu=(
                    MenuEntry(
                        group="Threat Response",
                        title="Alerts",
                        icon="notifications_active",
                        url_name="admin:alerts_alert_changelist",
                        permission="alerts.view_alert",
                        order=10,
                    ),
                ),
                handlers={
                    AlertRaised: import_string("threatresponse.alerts.services.store_alerts")
                },
                api_urls="threatresponse.alerts.api.urls",
                home="threatresponse.alerts.home.home_part",
            )
        )
