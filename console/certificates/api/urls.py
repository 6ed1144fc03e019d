from rest_framework.routers import SimpleRouter

from console.certificates.api.views import CertificateViewSet

router = SimpleRouter(use_regex_path=False)
router.register("certificates", CertificateViewSet, basename="certificate")
urlpatterns = router.urls
