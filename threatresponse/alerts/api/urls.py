"""Where alerts stand below `/api/v1/`."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from threatresponse.alerts.api.views import AlertViewSet

router = SimpleRouter(use_regex_path=False)
router.register("alerts", AlertViewSet, basename="alert")

urlpatterns = router.urls
