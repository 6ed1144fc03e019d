"""Where intel documents stand below `/api/v1/`."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from threatresponse.intel.api.views import IntelViewSet

router = SimpleRouter(use_regex_path=False)
router.register("intel", IntelViewSet, basename="intel")

urlpatterns = router.urls
