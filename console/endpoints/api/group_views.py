"""Computer groups and labels over REST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Final

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from console.access.models import User
from console.core.api.views import ResourceViewSet
from console.core.exceptions import InvalidInput
from console.endpoints.api.filtersets import GroupFilterSet, LabelFilterSet
from console.endpoints.api.group_serializers import (
    ChangedSerializer,
    CompletionSerializer,
    ExplainWantedSerializer,
    GroupDraftSerializer,
    GroupSerializer,
    LabelDraftSerializer,
    LabelSerializer,
    MemberSerializer,
    PlacementSerializer,
    PositionSerializer,
    ReasonSerializer,
    RuleSerializer,
    TrialSerializer,
)
from console.endpoints.exceptions import RuleRefused
from console.endpoints.explanation import explain
from console.endpoints.groups import GroupDraft, change_group, create_group, delete_group
from console.endpoints.labels import (
    LabelDraft,
    change_label,
    create_label,
    delete_label,
    labels_visible_to,
    place_labels,
)
from console.endpoints.models import ComputerGroup, Label
from console.endpoints.selectors import endpoint_visible_to
from console.endpoints.trial import complete_rule, read_rule_of, try_rule
from console.endpoints.visible_groups import (
    group_visible_to,
    groups_visible_to,
    members_visible_to,
    roles_by_group,
)

_SEES: Final = "endpoints.view_computergroup"
_SEES_LABELS: Final = "endpoints.view_label"


class GroupViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """Sets of endpoints: all, none, by rule, or chosen by hand."""

    queryset = ComputerGroup.objects.none()
    serializer_class = GroupSerializer
    filterset_class = GroupFilterSet
    lookup_value_converter = "int"
    page_order = ("name", "pk")
    required_permissions: ClassVar[Mapping[str, str]] = {
        "list": _SEES,
        "retrieve": _SEES,
        "members": _SEES,
        "explain": _SEES,
        "preview": _SEES,
        "complete": _SEES,
        "create": "endpoints.add_computergroup",
        "partial_update": "endpoints.change_computergroup",
        "destroy": "endpoints.delete_computergroup",
    }

    def get_queryset(self) -> Any:
        """Return what the user may know of."""
        return groups_visible_to(self.request.user)

    def get_serializer_context(self) -> dict[str, Any]:
        """Add the roles that reach the groups."""
        context = dict(super().get_serializer_context())
        if not getattr(self, "swagger_fake_view", False):
            context["roles"] = roles_by_group(self.request.user)
        return context

    @extend_schema(request=GroupDraftSerializer, responses={201: GroupSerializer})
    def create(self, request: Request) -> Response:
        """Make a group; with many endpoints its members are found in the background."""
        group = create_group(self._draft(request), actor=self.actor(), now=timezone.now())
        return Response(self._shown(group), status=status.HTTP_201_CREATED)

    @extend_schema(request=GroupDraftSerializer, responses=GroupSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change what is named; a manual group's members are replaced as a whole."""
        group: ComputerGroup = self.get_object()
        draft = self._draft(request, group)
        change_group(group, draft, actor=self.actor(), now=timezone.now())
        return Response(self._shown(group))

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Delete a group that no role and no other group uses."""
        delete_group(self.get_object(), actor=self.actor(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=MemberSerializer(many=True), filters=False)
    @action(detail=True, filterset_class=None)
    def members(self, request: Request, pk: int) -> Response:
        """List the members in reach by name."""
        self.page_order = ("host_name", "pk")
        members = members_visible_to(request.user, self.get_object())
        page = self.paginate_queryset(members.only("pk", "host_name"))
        return self.get_paginated_response(MemberSerializer(page, many=True).data)

    @extend_schema(parameters=[ExplainWantedSerializer], responses=ReasonSerializer, filters=False)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def explain(self, request: Request, pk: int) -> Response:
        """Say why an endpoint is in a group, or why it is not."""
        wanted = ExplainWantedSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        endpoint = endpoint_visible_to(
            request.user, wanted.validated_data["endpoint"], permission=_SEES
        )
        return Response(asdict(explain(self.get_object(), endpoint, user=_user(request))))

    @extend_schema(request=RuleSerializer, responses=TrialSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Say of which endpoints in reach a rule would be true."""
        sent = _checked(RuleSerializer(data=request.data))
        group = None
        if sent["group"] is not None:
            group = group_visible_to(request.user, sent["group"])
        trial = try_rule(_user(request), group, text=sent["rule"], form=sent["form"])
        shown = {
            "rule": trial.text,
            "form": trial.form,
            "count": trial.preview.count,
            "members": [{"id": pk, "host_name": name} for pk, name in trial.preview.first],
        }
        return Response(TrialSerializer(shown).data)

    @extend_schema(request=PositionSerializer, responses=CompletionSerializer)
    @action(detail=False, methods=["post"])
    def complete(self, request: Request) -> Response:
        """List what may stand at the cursor of an unfinished rule."""
        sent = _checked(PositionSerializer(data=request.data))
        found = complete_rule(_user(request), sent["rule"], sent["position"])
        return Response(CompletionSerializer(found).data)

    def handle_exception(self, exc: Exception) -> Response:
        """Add the place in the rule to the problem of a refused rule."""
        response = super().handle_exception(exc)
        if isinstance(exc, RuleRefused) and isinstance(response.data, dict):
            response.data["expected"] = list(exc.expected)
            response.data["path"] = exc.path
            if exc.place is not None:
                names = ("line", "column", "length")
                response.data |= dict(zip(names, exc.place, strict=True))
        return response

    def _draft(self, request: Request, group: ComputerGroup | None = None) -> GroupDraft:
        sent = GroupDraftSerializer(data=request.data, partial=group is not None)
        sent.is_valid(raise_exception=True)
        fields = dict(sent.validated_data)
        if group is not None:
            kept = {name: getattr(group, name) for name in ("name", "kind", "description", "rule")}
            members = members_visible_to(request.user, group).values_list("pk", flat=True)
            fields = {**kept, "members": list(members), **fields}
        draft = GroupDraft(**fields)
        if draft.kind == ComputerGroup.Kind.FILTER:
            # With this user's names: what is hidden from them is refused as unknown.
            read_rule_of(_user(request), text=draft.rule)
        return draft

    def _shown(self, group: ComputerGroup) -> Any:
        shown = groups_visible_to(self.request.user).filter(pk=group.pk).first()
        if shown is None:
            # Somebody who may make groups, and not see them.
            shown = group
            vars(shown)["reached_count"] = 0
        return GroupSerializer(shown, context=self.get_serializer_context()).data


class LabelViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """Words that users put on endpoints."""

    queryset = Label.objects.none()
    serializer_class = LabelSerializer
    filterset_class = LabelFilterSet
    lookup_value_converter = "int"
    page_order = ("name", "pk")
    required_permissions: ClassVar[Mapping[str, str]] = {
        "list": _SEES_LABELS,
        "retrieve": _SEES_LABELS,
        "create": "endpoints.add_label",
        "partial_update": "endpoints.change_label",
        "destroy": "endpoints.delete_label",
        "assign": "endpoints.change_label",
    }

    def get_queryset(self) -> Any:
        """Return what the user may see."""
        return labels_visible_to(self.request.user)

    @extend_schema(request=LabelDraftSerializer, responses={201: LabelSerializer})
    def create(self, request: Request) -> Response:
        """Make a label that is on no endpoint yet."""
        draft = LabelDraft(**_checked(LabelDraftSerializer(data=request.data)))
        label = create_label(draft, actor=self.actor(), now=timezone.now())
        vars(label)["endpoint_count"] = 0
        return Response(LabelSerializer(label).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=LabelDraftSerializer, responses=LabelSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Rename or colour a label; groups that ask about it follow."""
        label: Label = self.get_object()
        sent = LabelDraftSerializer(data=request.data, partial=True)
        draft = LabelDraft(**{"name": label.name, "colour": label.colour, **_checked(sent)})
        change_label(label, draft, actor=self.actor(), now=timezone.now())
        return Response(LabelSerializer(self.get_object()).data)

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Delete a label and take it off all endpoints."""
        delete_label(self.get_object(), actor=self.actor(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=PlacementSerializer, responses=ChangedSerializer)
    @action(detail=False, methods=["post"])
    def assign(self, request: Request) -> Response:
        """Put labels on endpoints and take others off; those out of reach are left alone."""
        sent = _checked(PlacementSerializer(data=request.data))
        changed = place_labels(
            sent["endpoints"],
            put=self._named(sent["put"], "put"),
            take=self._named(sent["take"], "take"),
            actor=self.actor(),
            now=timezone.now(),
        )
        return Response({"changed": changed})

    def _named(self, names: list[str], field: str) -> list[Label]:
        visible = {label.name.casefold(): label for label in self.get_queryset()}
        unknown = [name for name in names if name.casefold() not in visible]
        if unknown:
            raise InvalidInput(
                "The endpoints were not labelled.",
                errors={field: [f"There is no label “{name}”." for name in unknown]},
            )
        return [visible[name.casefold()] for name in dict.fromkeys(names)]


def _checked(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _user(request: Request) -> User:
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user
