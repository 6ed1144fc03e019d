"""The base of every resource of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from console.core.actor import Actor
from console.core.api.idempotency import Claim, StoredAnswer, claim_key
from console.core.requests import actor_of


class ResourceViewSet(GenericViewSet[Any]):
    """A resource whose POSTs may be repeated with an `Idempotency-Key`.

    A subclass names its `required_permissions` (see `ActionPermissions`), answers from selectors
    and changes through one service for each action.
    """

    required_permissions: ClassVar[Mapping[str, str]] = {}
    _claim: Claim | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, authorise, then claim the idempotency key."""
        super().initial(request, *args, **kwargs)
        self._claim = claim_key(request)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer with what was answered before, or with the problem that the error is."""
        if isinstance(exc, StoredAnswer):
            return exc.response
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Remember the answer under the idempotency key once it is rendered."""
        final = super().finalize_response(request, response, *args, **kwargs)
        if self._claim is not None:
            if isinstance(final, Response):
                final.add_post_render_callback(self._claim.settle)
            else:
                # A file is made from what there is: making it again changes nothing.
                self._claim.give_back()
        return final

    def actor(self) -> Actor:
        """Return the user behind the request."""
        return actor_of(self.request)
