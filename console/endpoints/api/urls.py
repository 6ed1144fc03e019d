from rest_framework.routers import SimpleRouter

from console.endpoints.api.group_views import GroupViewSet, LabelViewSet
from console.endpoints.api.views import EndpointViewSet, EnrolmentTokenViewSet

router = SimpleRouter(use_regex_path=False)
router.register("endpoints", EndpointViewSet, basename="endpoint")
router.register("enrolment-tokens", EnrolmentTokenViewSet, basename="enrolment-token")
router.register("computer-groups", GroupViewSet, basename="computer-group")
router.register("labels", LabelViewSet, basename="label")
urlpatterns = router.urls
