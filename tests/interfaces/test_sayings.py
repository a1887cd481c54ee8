"""Refusals and events in Spanish: every code that a customer's command may meet has a sentence, and facts are put into it."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
from django.utils import timezone, translation

from accounts.roles import CUSTOMER_COMMANDS
from billing.codec import kinds
from billing.command import registry
from billing.sayings import es, filled, named, said, titled
from plans.errors import Conflict, Refusal
from tests.interfaces.callers import customer
from tests.interfaces.test_portal import text
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


def test_every_kind_that_is_said_exists() -> None:
    assert sorted(set(es.EVENTS) - set(kinds())) == []


def test_facts_are_put_in_and_what_lacks_them_is_left_out() -> None:
    refusal = Conflict("contract_running", "the contract ana/2 still runs; cancel it first", contract="ana/2")
    with translation.override("en"):
        assert said(refusal) == refusal.message
        assert titled("payment received transfer R-1") == "payment received transfer R-1"
    with translation.override("es"):
        assert said(refusal) == "El contrato ana/2 sigue en curso; cancélelo antes."
        assert said(Conflict("contract_running", "x")) == "El contrato sigue en curso; cancélelo antes."
        assert said(Conflict("never_heard_of", "the engine's own words")) == "the engine's own words"
        assert named("payment.received") == "pago recibido"
        assert titled("payment received transfer R-1") == "pago recibido transfer R-1"
        assert titled("owed on 3 open documents") == "debido en 3 documentos abiertos"
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
    assert "debido en" in text(owner.get("/my/ana/why", headers={"accept-language": "es"}))
