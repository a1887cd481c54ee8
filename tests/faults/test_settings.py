"""The two ways in which a test leaves nothing behind, and the role it works under."""

import pytest
from django.contrib.auth.models import Group


@pytest.mark.django_db
@pytest.mark.parametrize("turn", [1, 2])
def test_an_ordinary_test_is_rolled_back(turn: int) -> None:
    assert Group.objects.count() == 0
    Group.objects.create(name="left behind")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_a_test_that_commits_ends_with_a_fresh_copy(turn: int) -> None:
    assert Group.objects.count() == 0
    Group.objects.create(name="left behind")
