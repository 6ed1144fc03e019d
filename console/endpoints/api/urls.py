from rest_framework.routers import SimpleRouter

from console.endpoints.api.views import EndpointViewSet, EnrolmentTokenViewSet

router = SimpleRouter(use_regex_path=False)
router.register("endpoints", EndpointViewSet, basename="endpoint")
router.register("enrolment-tokens", EnrolmentTokenViewSet, basename="enrolment-token")
urlpatterns = router.urls
