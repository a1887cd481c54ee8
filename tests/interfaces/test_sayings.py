"""Refusals and events in Spanish: every code that a customer's command may meet has a sentence, and facts are put into it."""

from __future__ import annotations

import ast
import inspect
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.utils import timezone, translation

from accounts.roles import CUSTOMER_COMMANDS
from billing.codec import kinds
from billing.command import registry
from billing.portal.telling import said as in_words
from billing.sayings import es, filled, named, said
from plans.errors import Conflict, Refusal
from tests.interfaces.callers import customer
from tests.interfaces.worlds import NOW

ROOT = Path(__file__).resolve().parents[2]
REFUSALS = {cls.__name__ for cls in Refusal.__subclasses__()}
#: What every command goes through, and what pages of people ask beside commands.
SHARED = ("billing/engine.py", "billing/previews.py", "billing/command.py", "accounts/access.py", "accounts/people.py", "plans/fields.py")
#: Modules of which a command that customers give uses a part that refuses nothing of theirs: reading catalogues, stories, files.
OTHERS = ("plans/pricing", "plans/metering", "plans/catalogue", "plans/store.py", "plans/loader", "plans/strict_yaml.py")


def modules_of_customers() -> set[str]:
    """The modules of their commands, and what these import."""
    own = {str(Path(inspect.getfile(inspect.unwrap(registry()[name].run))).relative_to(ROOT)) for name in CUSTOMER_COMMANDS}
    found = own | set(SHARED)
    for path in own:
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                base = node.module.replace(".", "/")
                found |= {one for one in (f"{base}.py", *(f"{base}/{alias.name}.py" for alias in node.names)) if (ROOT / one).exists()}
    return {path for path in found if not path.startswith(OTHERS)}


def codes_of(path: str) -> set[str]:
    calls = [node for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.Call) and node.args]
    raised = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id in REFUSALS]
    return {str(node.args[0].value) for node in raised if isinstance(node.args[0], ast.Constant)}


def test_every_code_that_a_customer_may_meet_has_a_sentence() -> None:
    paths = modules_of_customers()
    found = set().union(*(codes_of(path) for path in paths))
    assert len(found) > 90
    assert sorted(found - set(es.REFUSALS)) == []


def test_every_kind_of_event_is_said_and_no_other() -> None:
    assert sorted(set(es.EVENTS) ^ set(kinds())) == []


def facts_of() -> dict[str, set[str]]:
    """code → the facts that some refusal of the code carries, anywhere."""
    found: dict[str, set[str]] = {}
    for folder in ("accounts", "billing", "payments", "plans"):
        for path in (ROOT / folder).rglob("*.py"):
            nodes = list(ast.walk(ast.parse(path.read_text())))
            keys = {one.value for node in nodes if isinstance(node, ast.Dict) for one in node.keys if isinstance(one, ast.Constant)}
            for call in nodes:
                if not isinstance(call, ast.Call) or getattr(call.func, "id", "") not in REFUSALS or not call.args:
                    continue
                if isinstance(call.args[0], ast.Constant):
                    spread = keys if any(one.arg is None for one in call.keywords) else set()
                    named = {str(one.arg) for one in call.keywords} | set(map(str, spread))
                    found.setdefault(str(call.args[0].value), set()).update(named)
    return found


def test_a_sentence_names_facts_that_its_refusals_carry() -> None:
    carried = facts_of()
    wanted = {code: set(re.findall(r"{(\w+)}", sentence)) for code, sentence in es.REFUSALS.items()}
    assert sum(map(len, wanted.values())) > 30
    assert {code: sorted(names - carried[code]) for code, names in wanted.items() if names - carried.get(code, set())} == {}


def test_facts_stand_in_brackets_so_that_a_refusal_without_them_is_a_sentence_too() -> None:
    assert [code for code, sentence in es.REFUSALS.items() if "{" in re.sub(r"\[[^\]]*\]", "", sentence)] == []


def test_facts_are_put_in_and_what_lacks_them_is_left_out() -> None:
    refusal = Conflict("contract_running", "the contract ana/2 still runs; cancel it first", contract="ana/2")
    with translation.override("en"):
        assert said(refusal) == refusal.message
    with translation.override("es"):
        assert said(refusal) == "El contrato ana/2 sigue en curso; cancélelo antes."
        assert said(Conflict("contract_running", "x")) == "El contrato sigue en curso; cancélelo antes."
        assert said(Conflict("never_heard_of", "the engine's own words")) == "the engine's own words"
        assert named("payment.received") == "pago recibido"
    assert filled("{a} [of {b}]", {"a": "{b}", "b": "x"}) == "{b} of x"


def test_brackets_and_facts_are_well_formed() -> None:
    wrong = [code for code, sentence in es.REFUSALS.items() if sentence.count("[") != sentence.count("]") or not sentence.endswith(".")]
    assert wrong == []


@pytest.mark.django_db
def test_a_spanish_page_refuses_in_spanish(world: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    owner = customer("olga", "ana", "owner")
    address = "/my/ana/do/apply_coupon?contract=ana/2"
    asked = {"contract": "ana/2", "coupon": "NOSUCH", "_step": "preview"}
    answers = {language: owner.post(address, asked, headers={"accept-language": language}).content.decode() for language in ("es", "en")}
    assert "No existe ese cupón" in answers["es"]
    assert "No existe ese cupón" not in answers["en"]
    assert "No existe ese cupón: NOSUCH; compruebe cómo se escribe." in answers["es"]


@pytest.mark.django_db
def test_amounts_days_and_names_are_put_as_the_page_writes_them(world: None) -> None:
    told: dict[str, tuple[str, dict[str, object]]] = {
        "Es más de lo que está pendiente en INV-000005: 62,11 €.": (
            "more_than_open",
            {"number": "INV-000005", "open": "62.11", "currency": "EUR"},
        ),
        "El contrato dura aún hasta el 1 mar 2027; puede cancelarlo para su final.": ("within_term", {"end": "2027-03-01 00:00 UTC"}),
        "El cupón 100 caducó el 1 feb 2026.": ("coupon_expired", {"coupon": "100", "day": date(2026, 2, 1)}),
        "El contrato Seats ya terminó el 20 feb 2026.": ("contract_ended", {"contract": "ana/2", "end": NOW}),
        "Ese cambio, Cambiar la cantidad, lo previó la oficina; pídanos que lo retiremos.": (
            "office_change",
            {"command": "change_quantity"},
        ),
        "El valor está fuera de lo permitido: debe ser mayor que 0.": ("out_of_range", {"above": 0}),
        "Son demasiados: puede haber 1.000; quite antes alguno.": ("too_many", {"most": 1000, "currency": "EUR"}),
        "Ese número fiscal no es correcto para el país: «X1» en España; compruébelo.": ("bad_tax_id", {"number": "X1", "country": "ES"}),
    }
    with translation.override("es"):
        found = [in_words(Conflict(code, "x", **facts)).replace("\xa0", " ") for code, facts in told.values()]
        late = Conflict("contract_ended", "x", end=datetime(2026, 2, 28, 23, tzinfo=UTC))
        assert in_words(late, "Europe/Madrid").replace("\xa0", " ") == "El contrato ya terminó el 1 mar 2026.", "the day of the account"
    assert found == list(told)
