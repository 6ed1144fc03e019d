from __future__ import annotations

from typing import Any

import pytest
from rest_framework.exceptions import ValidationError

from console.access.models import User
from console.core.api.fields import NamedById
from tests.console.api_client import make_user

pytestmark = pytest.mark.django_db


class TestNamedById:
    def test_finds_what_is_there(self) -> None:
        user = make_user("bob")

        assert NamedById(queryset=User.objects.all()).run_validation(user.pk) == user

    @pytest.mark.parametrize("number", [-1, 2**63, -(2**70), str(2**64), "9" * 6000, 1e300, "x"])
    def test_refuses_a_number_that_no_column_holds(self, number: Any) -> None:
        with pytest.raises(ValidationError):
            NamedById(queryset=User.objects.all()).run_validation(number)
