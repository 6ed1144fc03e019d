"""Read publications, and who has which."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypedDict

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)

from console.endpoints.models import Endpoint
from console.endpoints.reach import Reach, reach_of
from console.gateway.models import OutboundInstruction
from threatresponse.deployment.models import IntelPublication

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

INSTRUCTION: Final = "intel.apply"
VIEW: Final = "intel.view_inteldocument"
DEPLOY: Final = "intel.deploy_inteldocument"

# An endpoint that refused or failed is not asked again at once: it would refuse again.
REST_AFTER_FAILURE: Final = timedelta(minutes=10)


class DeploymentState(StrEnum):
    """Where one endpoint stands with the current publication."""

    CURRENT = "CURRENT"
    UNDER_WAY = "UNDER_WAY"
    FAILED = "FAILED"
    LAGGING = "LAGGING"


class DeploymentColumns(TypedDict):
    """What `endpoints_with_deployment` adds to each endpoint."""

    deployment_state: str
    deployment_detail: str


@dataclass(frozen=True, slots=True)
class DeploymentSummary:
    """The current publication (revision 0: none) and how many endpoints are in which state."""

    revision: int
    rule_count: int
    published_at: datetime | None
    published_by_name: str
    endpoints: dict[str, int]


def may_deploy(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Tell whether this user may deploy: a publication goes to every endpoint that there is."""
    return reach_of(user, DEPLOY).everything


def current_publication() -> IntelPublication | None:
    """Return the newest publication: what every endpoint should have."""
    return IntelPublication.objects.order_by("-revision").first()


def lagging_endpoints(publication: IntelPublication, *, now: datetime) -> QuerySet[Endpoint]:
    """List who should be sent the publication again: another revision, nothing under way."""
    # An older publication that is under way, or failed, says nothing about this one.
    instructions = OutboundInstruction.objects.filter(
        endpoint=OuterRef("pk"), kind=INSTRUCTION, created_at__gte=publication.published_at
    )
    under_way = instructions.filter(state=OutboundInstruction.State.WAITING, expires_at__gt=now)
    just_ended = instructions.filter(completed_at__gt=now - REST_AFTER_FAILURE)
    return (
        Endpoint.objects.filter(revoked_at__isnull=True)
        .exclude(intel_revision=publication.revision)
        .filter(~Exists(under_way), ~Exists(just_ended))
    )


def endpoints_with_deployment(
    reach: Reach, *, now: datetime
) -> QuerySet[WithAnnotations[Endpoint, DeploymentColumns]]:
    """List the endpoints in reach with `deployment_state` and `deployment_detail`: why it failed.

    Those that were revoked are left out.
    """
    publication = current_publication()
    revision = 0 if publication is None else publication.revision
    newest = OutboundInstruction.objects.filter(endpoint=OuterRef("pk"), kind=INSTRUCTION).order_by(
        "-sequence"
    )
    unfinished = (OutboundInstruction.State.REFUSED, OutboundInstruction.State.FAILED)
    return (
        reach.endpoints(Endpoint.objects.filter(revoked_at__isnull=True))
        .annotate(
            newest_state=Subquery(newest.values("state")[:1]),
            newest_expires_at=Subquery(newest.values("expires_at")[:1]),
            newest_detail=Subquery(newest.values("detail")[:1]),
        )
        .annotate(
            deployment_state=Case(
                When(intel_revision=revision, then=Value(DeploymentState.CURRENT.value)),
                When(
                    Q(newest_state=OutboundInstruction.State.WAITING)
                    & Q(newest_expires_at__gt=now),
                    then=Value(DeploymentState.UNDER_WAY.value),
                ),
                When(newest_state__in=unfinished, then=Value(DeploymentState.FAILED.value)),
                default=Value(DeploymentState.LAGGING.value),
                output_field=CharField(),
            ),
            deployment_detail=Case(
                When(newest_state__in=unfinished, then=F("newest_detail")),
                default=Value(""),
                output_field=CharField(),
            ),
        )
    )


def summarise_deployment(reach: Reach, *, now: datetime) -> DeploymentSummary:
    """Count the endpoints in reach by their state."""
    publication = current_publication()
    counts = dict.fromkeys((state.value for state in DeploymentState), 0)
    by_state = endpoints_with_deployment(reach, now=now).order_by().values_list("deployment_state")
    counts.update(by_state.annotate(Count("pk")))
    return DeploymentSummary(
        revision=0 if publication is None else publication.revision,
        rule_count=0 if publication is None else publication.rule_count,
        published_at=None if publication is None else publication.published_at,
        published_by_name="" if publication is None else publication.published_by_name,
        endpoints=counts,
    )
