"""`manage.py catalogue`: what it prints, its exit status, and what it leaves in the database."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.models import JournalEvent
from plans.models import CatalogueDraft, CatalogueVersion

GOOD = "catalogue: gym\ncurrency: EUR\nplans: {member: {period: month, items: {fee: {price: 29.90}}}}\n"
DEARER = GOOD.replace("29.90", "34.90")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gym.yaml").write_text(GOOD)
    (tmp_path / "dearer.yaml").write_text(DEARER)
    (tmp_path / "bad.yaml").write_text(GOOD.replace("period: month", "perod: month"))
    return tmp_path


def run(*words: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("catalogue", *words, stdout=out, stderr=err)
    except SystemExit as stop:
        return int(stop.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


# -- check ---------------------------------------------------------------------------------------------------------------------------


def test_check_says_what_is_good(folder: Path) -> None:
    assert run("check", "gym.yaml") == (0, "gym.yaml: good: catalogue gym, 1 plan, 1 item, 0 meters, 0 examples\n", "")


def test_check_names_what_is_bad_and_goes_on(folder: Path) -> None:
    status, out, err = run("check", "bad.yaml", "gym.yaml")
    assert (status, out.count("good")) == (1, 1)
    assert err == "bad.yaml:3: plans.member.perod: the field 'perod' is not known here; did you mean 'period'? [unknown_field]\n"


def test_check_prints_warnings(folder: Path) -> None:
    (folder / "meter.yaml").write_text(GOOD + "meters: {kwh: {}}\n")
    status, _, err = run("check", "meter.yaml")
    assert (status, err) == (0, "warning: meter.yaml:4: meters.kwh: nothing uses the meter 'kwh' [unused]\n")


UNREADABLE: dict[str, bytes] = {
    "utf8.yaml": b"catalogue: \xff",
    "nul.yaml": b"catalogue: x\x00",
    "binary.yaml": bytes(range(256)),
    "twice.yaml": b"catalogue: x\ncatalogue: y\n",
    "tag.yaml": b"catalogue: !!python/object/apply:os.system [ls]",
    "two.yaml": b"a: 1\n---\nb: 2\n",
    "deep.yaml": b"[" * 5000,
    "huge.yaml": b"#" * 2_000_001,
    "bomb.yaml": b"a0: &a0 [x, x, x]\n" + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 9)),
    "text.json": b"{'a': 1}",
    "nan.json": b'{"catalogue": NaN, "catalogue": 1}',
}


@pytest.mark.parametrize("action", ["check", "load", "publish"])
@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_can_not_be_read(folder: Path, name: str, action: str) -> None:
    (folder / name).write_bytes(UNREADABLE[name])
    status, out, err = run(action, name)
    assert (status, out) == (2, "")
    assert err.startswith(name)
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"5", b"[]", b"null", b"{}", b"catalogue: NaN\ncurrency: NaN", b'{"catalogue": NaN}'])
def test_a_file_that_says_something_else(folder: Path, content: bytes) -> None:
    (folder / "other.yaml").write_bytes(content)
    status, out, err = run("check", "other.yaml")
    assert (status, out) == (1, "")
    assert all(line.startswith("other.yaml:1: ") or line.startswith("other.yaml:2: ") for line in err.splitlines())


@pytest.mark.parametrize("name", ["missing.yaml", ".", "gym.yaml/x", "a\x00b", "", "x" * 5000])
@pytest.mark.parametrize("action", ["check", "load"])
def test_no_such_file(folder: Path, name: str, action: str) -> None:
    status, out, err = run(action, name)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("words", [[], ["check"], ["chekc", "x"], ["diff", "gym.yaml"], ["show"]])
def test_bad_usage(folder: Path, words: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*words)


# -- load and publish ----------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_load_keeps_a_draft_and_publishes_nothing(folder: Path) -> None:
    assert run("load", "gym.yaml", "--by", "ana")[0] == 0
    assert run("load", "dearer.yaml", "--by", "bob")[0] == 0
    [draft] = CatalogueDraft.objects.all()
    assert (draft.name, draft.source, draft.changed_by) == ("gym", DEARER, "bob")
    assert CatalogueVersion.objects.count() == 0
    assert run("show", "gym@draft") == (0, f"# catalogue: gym\n# version: draft\n{DEARER}", "")


@pytest.mark.django_db
@pytest.mark.parametrize("action", ["load", "publish"])
def test_a_bad_file_changes_nothing(folder: Path, action: str) -> None:
    status, out, err = run(action, "bad.yaml")
    assert (status, out) == (1, "")
    assert err.startswith("bad.yaml:3: plans.member.perod: ")
    assert (CatalogueDraft.objects.count(), CatalogueVersion.objects.count(), JournalEvent.objects.count()) == (0, 0, 0)


@pytest.mark.django_db
def test_publish_a_file(folder: Path) -> None:
    status, out, err = run("publish", "gym.yaml", "--at", "2026-03-01", "--by", "ana")
    [version] = CatalogueVersion.objects.all()
    [event] = JournalEvent.objects.all()
    assert (status, out, err) == (0, f"published gym@1 {version.digest[:12]}\n", "")
    assert (version.name, version.version, version.source, version.published_by, version.seller) == ("gym", 1, GOOD, "ana", "main")
    assert (event.kind, event.data["source"], version.event) == ("catalogue.published", GOOD, f"{event.stream}/{event.sequence}")
    assert version.published_at.isoformat() == "2026-03-01T00:00:00+00:00"


@pytest.mark.django_db
def test_publish_a_draft(folder: Path) -> None:
    run("load", "gym.yaml")
    assert run("publish", "gym")[1].startswith("published gym@1 ")
    assert CatalogueDraft.objects.count() == 0


@pytest.mark.django_db
def test_publishing_the_same_again_changes_nothing(folder: Path) -> None:
    run("publish", "gym.yaml")
    (folder / "again.yaml").write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert run("publish", "again.yaml") == (0, "gym@1 says exactly this already; nothing was published\n", "")
    assert JournalEvent.objects.count() == 1
    assert run("publish", "dearer.yaml")[1].startswith("published gym@2 ")
    assert run("publish", "gym.yaml")[1].startswith("published gym@3 ")


@pytest.mark.django_db
@pytest.mark.parametrize(("words", "status"), [(["gymm"], 2), (["gym.yaml", "--at", "soon"], 1)])
def test_what_can_not_be_published(folder: Path, words: list[str], status: int) -> None:
    found, out, err = run("publish", *words)
    assert (found, out) == (status, "")
    assert len(err.splitlines()) == 1
    assert JournalEvent.objects.count() == 0


# -- show and diff -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def published(db: None, folder: Path) -> None:
    run("publish", "gym.yaml", "--at", "2026-03-01", "--by", "ana")
    run("publish", "dearer.yaml", "--at", "2026-04-01", "--by", "bob")


@pytest.mark.usefixtures("published")
def test_show_prints_a_file_that_is_a_catalogue_again(folder: Path) -> None:
    status, out, err = run("show", "gym@1")
    assert (status, err) == (0, "")
    assert "# version: 1\n" in out
    assert "# published_by: ana\n" in out
    assert out.endswith(GOOD)
    (folder / "shown.yaml").write_text(out)
    assert run("diff", "shown.yaml", "gym@1") == (0, "0 changes\n", "")


@pytest.mark.usefixtures("published")
def test_show_as_json() -> None:
    _, out, _ = run("show", "gym", "--json")
    found: dict[str, Any] = json.loads(out)
    assert (found["version"], found["published_by"]) == (2, "bob")
    assert found["policy"]["plans"]["member"]["items"]["fee"] == {"price": "34.90"}


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("name", ["gim", "gym@3", "gym@0", "gym@x", "gym@-1", "gym@99999999999", "gym@draft", "@", "", "gym@1@2"])
def test_what_is_not_there_to_show(name: str) -> None:
    status, out, err = run("show", name)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("before", "after"), [("gym@1", "gym@2"), ("gym.yaml", "gym"), ("gym@1", "dearer.yaml"), ("gym.yaml", "dearer.yaml")]
)
def test_diff_says_which_price_changed(before: str, after: str) -> None:
    assert run("diff", before, after) == (0, "~ plans.member.items.fee.price: 29.90 → 34.90\n1 change\n", "")
    _, out, _ = run("diff", before, after, "--json")
    assert json.loads(out) == [{"path": "plans.member.items.fee.price", "from": "29.90", "to": "34.90"}]


@pytest.mark.django_db
@pytest.mark.parametrize("other", ["missing.yaml", ".", "twice.yaml", "gym@7"])
def test_what_can_not_be_compared(folder: Path, other: str) -> None:
    (folder / "twice.yaml").write_bytes(UNREADABLE["twice.yaml"])
    status, out, err = run("diff", "gym.yaml", other)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1


@pytest.mark.django_db
def test_a_draft_is_tried_asked_for_and_approved_by_another(folder: Path) -> None:
    assert run("publish", "gym.yaml")[0] == 0
    assert run("load", "dearer.yaml", "--by", "bob")[0] == 0
    code, said, _ = run("backtest", "gym", "--months", "3")
    assert (code, said) == (0, "gym@draft on 0 of 0 accounts, 0 periods, before tax\n")
    assert json.loads(run("backtest", "gym@draft", "--json")[1])["digest"]
    assert run("backtest", "gym", "--months", "99")[0] == 1
    code, said, _ = run("request", "gym", "--reason", "Costs", "--by", "cora", "--role", "catalogue_manager")
    assert (code, said) == (0, "asked for: house:catalogue/2; somebody else must approve it\n")
    assert "own_request" in run("approve", "--by", "cora", "--role", "catalogue_manager")[2]
    assert run("reject", "--by", "carl", "--role", "catalogue_manager", "--reason", "no")[:2] == (0, "rejected; the draft stays\n")
    assert run("request", "gym", "--reason", "Costs", "--by", "cora", "--role", "catalogue_manager")[0] == 0
    assert run("approve", "house:catalogue/4", "--by", "carl", "--role", "catalogue_manager")[:2] == (0, "published gym@2\n")
    assert run("discard", "gym")[0] == 2
    run("load", "gym.yaml")
    assert run("discard", "gym")[:2] == (0, "the draft is gone; what is published stays as it is\n")
