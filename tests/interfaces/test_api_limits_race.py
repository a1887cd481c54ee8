"""Many calls of one caller at the same time are counted one by one."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest
from django.db import connection

from accounts.models import ApiCalls
from billing.api.limits import spend
from plans.errors import TooMany
from tests.interfaces.worlds import NOW


@pytest.mark.django_db(transaction=True)
def test_callers_at_once_get_exactly_as_many_as_they_may() -> None:
    barrier, taken = Barrier(4), []

    def call() -> None:
        barrier.wait()
        for _ in range(10):
            try:
                spend("user:olga", at=NOW, most=15)
                taken.append(1)
            except TooMany:
                pass
        connection.close()

    threads = [Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), ApiCalls.objects.get().count) == (15, 40)
