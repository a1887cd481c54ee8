"""Two owners at once. In a module of its own: the world that others share stands in a transaction that this one would break."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection

from accounts import people
from accounts.models import Membership
from plans.errors import Refusal
from tests.interfaces.worlds import NOW


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_remove_each_other_at_once_leave_one() -> None:
    pair = [
        Membership.objects.create(user=User.objects.create_user(name), account="ana", role="owner", since=NOW) for name in ("one", "two")
    ]
    start, refused = threading.Barrier(2), []

    def go(work: Callable[[], None]) -> None:
        start.wait()
        try:
            work()
        except Refusal as refusal:
            refused.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=(lambda pk=row.pk: people.remove("ana", pk, actor="x", at=NOW),)) for row in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["last_owner"]
    assert Membership.objects.filter(account="ana").count() == 1
