"""Where deployment stands below `/api/v1/`."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from threatresponse.deployment.api.views import DeploymentViewSet, IntelDeploymentViewSet

router = SimpleRouter(use_regex_path=False)
router.register("intel", IntelDeploymentViewSet, basename="intel-document")
router.register("intel-deployment", DeploymentViewSet, basename="intel-deployment")

urlpatterns = router.urls
