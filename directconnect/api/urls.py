"""Where live sessions stand below `/api/v1/`."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from directconnect.api.views import SessionViewSet

router = SimpleRouter(use_regex_path=False)
router.register("sessions", SessionViewSet, basename="session")

urlpatterns = router.urls
