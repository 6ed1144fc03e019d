from django.urls import path
from rest_framework.routers import SimpleRouter

from console.access.api.role_views import ContentSetViewSet, PermissionsView, RoleViewSet
from console.access.api.views import LogoutView, TokenView, UserViewSet

router = SimpleRouter(use_regex_path=False)
router.register("users", UserViewSet, basename="user")
router.register("roles", RoleViewSet, basename="role")
router.register("content-sets", ContentSetViewSet, basename="content-set")
urlpatterns = [
    path("auth/token/", TokenView.as_view(), name="auth-token"),
    path("auth/logout/", LogoutView.as_view(), name="auth-logout"),
    path("auth/logout-all/", LogoutView.as_view(every_token=True), name="auth-logout-all"),
    path("permissions/", PermissionsView.as_view(), name="permissions"),
    *router.urls,
]
