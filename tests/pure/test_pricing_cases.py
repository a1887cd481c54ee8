"""The case files: 81 worked cases from elsewhere, the form of an answer, expectations, and the report on files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plans.errors import Invalid
from plans.pricing import report
from plans.pricing.cases import answer, holds

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tests" / "cases" / "pricing.json"
CASES: list[dict[str, Any]] = json.loads(FILE.read_text())
SIMPLE: dict[str, Any] = {"id": "s", "currency": "EUR", "price": {"model": "unit", "amount": "1.005"}, "quantity": "1"}


def test_there_are_81_worked_cases() -> None:
    assert len(CASES) == 81
    assert len({case["id"] for case in CASES}) == 81


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_worked_case(case: dict[str, Any]) -> None:
    found = answer(case)
    assert {name: found[name] for name in case["expect"]} == case["expect"]
    assert "differs" not in found
    assert "error" not in found


def test_the_form_of_an_answer() -> None:
    assert answer(SIMPLE) == {
        "id": "s",
        "amount": "1.01",
        "exact": "1.005",
        "steps": [{"step": "unit", "quantity": "1", "unit": "1.005", "amount": "1.005"}],
        "runs": ["1.01"],
    }


def test_the_form_of_a_refusal() -> None:
    found = answer(SIMPLE | {"quantity": "-1"})
    assert found["id"] == "s"
    assert set(found) == {"id", "error"}
    assert set(found["error"]) == {"code", "message", "at"}
    assert (found["error"]["code"], found["error"]["at"]) == ("negative", "quantity")


@pytest.mark.parametrize(
    ("expect", "differs"),
    [
        ({"amount": "1.01"}, None),
        ({"amount": "1.010", "exact": "201/200", "runs": ["1.01"]}, None),
        ({"amount": "1.00"}, {"amount": {"expected": "1.00", "found": "1.01"}}),
        ({"exact": "1/3"}, {"exact": {"expected": "1/3", "found": "1.005"}}),
        ({"runs": ["1.01", "0"]}, {"runs": {"expected": ["1.01", "0"], "found": ["1.01"]}}),
        ({"error": "negative"}, {"error": {"expected": "negative", "found": None}}),
        ({"amount": ["1.01"]}, {"amount": {"expected": ["1.01"], "found": "1.01"}}),
        ({"amount": "1/0"}, {"amount": {"expected": "1/0", "found": "1.01"}}),
    ],
)
def test_expectations(expect: dict[str, Any], differs: dict[str, Any] | None) -> None:
    case = SIMPLE | {"expect": expect}
    found = answer(case)
    assert found.get("differs") == differs
    assert holds(found, case) is (differs is None)


def test_an_expected_error_holds_and_another_does_not() -> None:
    case = SIMPLE | {"quantity": "-1", "expect": {"error": {"code": "negative", "at": "quantity"}}}
    assert holds(answer(case), case)
    case["expect"] = {"error": "no_cell"}
    assert answer(case)["differs"] == {"error": {"expected": "no_cell", "found": "negative"}}
    assert not holds(answer(case), case)


def test_a_bad_case_does_not_stop_the_others() -> None:
    text = json.dumps([7, SIMPLE | {"quantity": float("nan")}, SIMPLE])
    answers = report.answer_text(text, name="cases.json")
    assert [one.holds for one in answers] == [False, False, True]
    assert answers[0].answer["id"] is None
    assert answers[1].answer["error"]["code"] == "not_a_number"
    assert answers[2].answer["amount"] == "1.01"
    assert report.status(answers) == 1
    assert [item["id"] for item in json.loads(report.as_json(answers))] == [None, "s", "s"]


def test_a_mistake_is_shown_with_its_line() -> None:
    text = """\
- id: one
  currency: EUR
  price:
    model: graduated
    tiers:
      - {up_to: 5}
      - {up_to: 5}
  quantity: 3
- {id: two, currency: EUR, price: {model: unit, amount: 2}, quantity: 3, expect: {amount: 7}}
"""
    table = report.as_table(report.answer_text(text, name="x.yaml"))
    assert "x.yaml:7: price.tiers[1].up_to: `up_to` must rise: 5 comes after 5" in table
    assert "x.yaml:9: amount: expected 7, found 6.00" in table
    assert table.endswith("2 cases, 2 not as they should be")


@pytest.mark.parametrize("text", ["a: 1", "7", "", "[", "- a\n- a: {b", b"\xff", '{"id": "x"}'])
def test_a_file_that_is_not_a_list_of_cases(text: str | bytes) -> None:
    with pytest.raises(Invalid) as caught:
        report.answer_text(text, name="x.yaml")
    assert caught.value.at.startswith("x.yaml:")


def test_the_examples_of_the_guide_hold() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "prices.md").read_text(), re.DOTALL)
    answers = [one for block in blocks for one in report.answer_text(block, name="docs/prices.md")]
    assert len(answers) == 13
    assert [one.answer for one in answers if not one.holds] == []


def price(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "price", *arguments], cwd=ROOT, input=text, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_command_answers_json_and_nothing_else() -> None:
    done = price("--json", str(FILE), "-", text=json.dumps([SIMPLE]))
    assert (done.returncode, done.stderr) == (0, "")
    answers = json.loads(done.stdout)
    assert len(answers) == 82
    assert answers[-1]["amount"] == "1.01"


def test_the_command_says_by_its_status_what_happened() -> None:
    unmet = price("-", text=json.dumps([SIMPLE | {"expect": {"amount": "9"}}]))
    assert unmet.returncode == 1
    assert "expected 9, found 1.01" in unmet.stdout
    unreadable = price("nowhere.yaml", str(ROOT))
    assert unreadable.returncode == 2
    assert "nowhere.yaml" in unreadable.stderr
    assert "Traceback" not in unreadable.stderr
    assert price("-", text="{{").returncode == 2
