"""Sensors over REST: what questions may name, and one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.db.models import Q
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from console.access.content import usable_content_sets
from console.access.models import ContentSet, User
from console.core.api.views import ResourceViewSet
from console.core.exceptions import InvalidInput, NotFound
from console.questions.api.base import checked, user_of
from console.questions.api.question_serializers import QuestionSerializer
from console.questions.api.sensor_serializers import (
    OwnSensorSerializer,
    SensorPlaceSerializer,
    SensorSerializer,
    SensorTrialSerializer,
    SensorVersionSerializer,
    columns_from,
    parameters_from,
)
from console.questions.catalogue import sensors_for
from console.questions.models import Sensor
from console.questions.placing import move_sensor
from console.questions.sensors import (
    SensorFields,
    change_sensor,
    create_sensor,
    own_sensors_for,
    retire_sensor,
    try_sensor,
)
from console.questions.services import ASK
from sensors.definitions import Cost

VIEW: Final = "questions.view_sensor"
EXAMPLE = OpenApiExample(
    "Shell",
    value={
        "name": "Kernel command line",
        "language": "shell",
        "script": "cat /proc/cmdline",
        "columns": [{"name": "Kernel command line", "type": "text"}],
        "content_set": 3,
    },
    request_only=True,
)


class SensorFilterSet(filters.FilterSet):
    """`search` looks into names, descriptions and categories; `own` leaves users' own, or not."""

    search = filters.CharFilter(method="narrow_to_text", max_length=1000)
    category = filters.CharFilter(lookup_expr="iexact", max_length=64)
    cost = filters.ChoiceFilter(choices=[(each.value, each.value) for each in Cost])
    content_set = filters.NumberFilter(
        field_name="content_set_id", min_value=1, max_value=2**63 - 1
    )
    own = filters.BooleanFilter(field_name="language", method="narrow_to_own")

    class Meta:
        model = Sensor
        fields: tuple[str, ...] = ()

    def narrow_to_text(self, sensors: Any, _name: str, value: str) -> Any:
        """Keep those that speak of this."""
        return sensors.filter(
            Q(name__icontains=value)
            | Q(description__icontains=value)
            | Q(category__icontains=value)
        )

    def narrow_to_own(self, sensors: Any, _name: str, value: bool) -> Any:
        """Keep users' own sensors, or the built-in ones."""
        return sensors.exclude(language="") if value else sensors.filter(language="")


class SensorViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ResourceViewSet):
    """What questions may name: the sensors of one's content sets."""

    queryset = Sensor.objects.none()
    serializer_class = SensorSerializer
    filterset_class = SensorFilterSet
    lookup_value_converter = "int"
    page_order = ("name",)
    required_permissions: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("list", "retrieve", "versions"), VIEW),
        # Which ones, their content set decides.
        **dict.fromkeys(("create", "new_version", "retire"), VIEW),
        # Only administrators; whoever sees the sensor is told so.
        "partial_update": VIEW,
        "test": ASK,
    }

    def get_queryset(self) -> Any:
        """Return the sensors that the user may name in a question."""
        if not isinstance(self.request.user, User):
            return Sensor.objects.none()
        return sensors_for(self.request.user).select_related("content_set")

    @extend_schema(
        request=OwnSensorSerializer, responses={201: SensorSerializer}, examples=[EXAMPLE]
    )
    def create(self, request: Request) -> Response:
        """Save a sensor of one's own: its script runs on endpoints, as the agent does."""
        sent = checked(OwnSensorSerializer(data=request.data))
        user = user_of(self)
        made = create_sensor(_fields(sent, user), user=user, actor=self.actor(), now=timezone.now())
        return self._answer(made, status.HTTP_201_CREATED)

    @extend_schema(request=SensorPlaceSerializer, responses=SensorSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Put a sensor, a built-in one too, into another content set; for administrators."""
        sensor: Sensor = self.get_object()
        sent = checked(SensorPlaceSerializer(data=request.data))
        user = user_of(self)
        content_set = _content_set(user, sent["content_set"])
        moved = move_sensor(sensor, content_set, user=user, actor=self.actor(), now=timezone.now())
        return self._answer(moved, status.HTTP_200_OK)

    @extend_schema(responses=SensorVersionSerializer(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def versions(self, request: Request, pk: int) -> Response:
        """List the versions of a sensor that one may change, the newest first."""
        sensor = self._own(pk)
        versions = sensor.versions.select_related("saved_by").order_by("-number")
        return Response(SensorVersionSerializer(versions, many=True).data)

    @extend_schema(
        request=OwnSensorSerializer, responses={201: SensorSerializer}, examples=[EXAMPLE]
    )
    @versions.mapping.post
    def new_version(self, request: Request, pk: int) -> Response:
        """Save a new version; questions that were asked before ran the old one."""
        sensor = self._own(pk)
        sent = checked(OwnSensorSerializer(data=request.data))
        user = user_of(self)
        changed = change_sensor(
            sensor, _fields(sent, user), user=user, actor=self.actor(), now=timezone.now()
        )
        return self._answer(changed, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: int) -> Response:
        """Let nobody ask it any more; its name becomes free, old answers stay."""
        retire_sensor(self._own(pk), user=user_of(self), actor=self.actor(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=SensorTrialSerializer, responses={201: QuestionSerializer})
    @action(detail=False, methods=["post"])
    def test(self, request: Request) -> Response:
        """Run a script on one endpoint without saving it; the answer is a question's."""
        sent = checked(SensorTrialSerializer(data=request.data))
        user = user_of(self)
        question = try_sensor(
            _fields(sent, user),
            sent.get("values", {}),
            endpoint_id=sent["endpoint"],
            user=user,
            actor=self.actor(),
            now=timezone.now(),
        )
        shown = QuestionSerializer(question, context={"user": user}).data
        return Response(shown, status=status.HTTP_201_CREATED)

    def _own(self, number: int) -> Sensor:
        sensor = own_sensors_for(user_of(self)).filter(pk=number).first()
        if sensor is None:
            raise NotFound("There is no such sensor among those that you may change.")
        return sensor

    def _answer(self, sensor: Sensor, code: int) -> Response:
        context = {"request": self.request}
        return Response(SensorSerializer(sensor, context=context).data, status=code)


def _content_set(user: User, number: int) -> ContentSet:
    content_set = usable_content_sets(user).filter(pk=number).first()
    if content_set is None:
        unknown = "There is no such content set."
        raise InvalidInput(unknown, errors={"content_set": [unknown]})
    return content_set


def _fields(sent: Mapping[str, Any], user: User) -> SensorFields:
    plain = (
        "name",
        "language",
        "script",
        "description",
        "category",
        "example",
        "separator",
        "timeout",
        "output_limit",
        "note",
    )
    return SensorFields(
        **{name: sent[name] for name in plain},
        columns=columns_from(sent["columns"]),
        parameters=parameters_from(sent.get("parameters", [])),
        platforms=tuple(sent.get("platforms", ())),
        cost=Cost(sent["cost"]),
        content_set=_content_set(user, sent["content_set"]),
    )
