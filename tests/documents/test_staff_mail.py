"""The people of the house hear by mail what needs them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from billing.delivery import Done, claim
from payments.documents import staff
from tests.books import advance, do, moment, open_account, publish
from tests.payments.debts import DUNNED

pytestmark = pytest.mark.django_db


def test_a_debt_that_nobody_pays_is_switched_off_and_handed_over_by_mail(settings: Any) -> None:
    settings.STAFF_EMAIL = "office@shop.example"
    publish(DUNNED)
    open_account()
    do("subscribe", account="ana", plan="basic", until="2026-02-01")
    advance("2026-05-01")
    (handed,) = claim("collection.hand_over", until=moment("2026-05-01"))
    assert staff.told(handed) == Done("a story sends no mail")
    assert mail.outbox == []
    assert staff.tell(handed) == Done()
    (sent,) = mail.outbox
    assert (sent.subject, sent.to) == ("For collection: ana", ["office@shop.example"])
    assert "document: INV-000001, 24.14 EUR open, due 2026-01-15" in sent.body
    assert sent.extra_headers["Message-ID"].startswith(f"<ana.{handed.sequence}.collection.hand-over@")


def test_without_an_address_they_wait(settings: Any) -> None:
    assert settings.STAFF_EMAIL == ""
    assert not {kind for kind, _ in settings.BILLING_EFFECT_HANDLERS} & set(staff.SUBJECTS)
