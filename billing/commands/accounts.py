"""Opening, changing, closing and releasing accounts; balances brought over from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from accounts import vault
from billing import bulk, ledgers
from billing.command import Command, Timed
from billing.commands.common import account_stream, entry, open_state
from billing.engine import Context, Decision
from billing.events import AccountClosed, AccountOpened, AccountReleased, BalanceOpened, DetailsChanged, Place, Posting
from billing.journal import Draft
from billing.state import AccountState
from plans.errors import Conflict, Invalid
from plans.identifiers import check_iban, check_tax_id
from plans.money import decimals, plain
from plans.periods import local_date, zone_of

ACCOUNT_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True)
class OpenAccount:
    account: str
    name: str = ""
    currency: str = "EUR"
    zone: str = "UTC"
    locale: str = "en"
    seller: str = "main"
    country: str = ""
    region: str = ""
    city: str = ""
    tax_id: str = ""
    exempt: Mapping[str, Any] = field(default_factory=dict)
    email: str = ""
    phone: str = ""
    street: str = ""
    postcode: str = ""
    iban: str = ""  # where money goes that is owed to the customer
    terms: str = ""
    external_id: str = ""


def open_account(context: Context, args: OpenAccount) -> Decision:
    """Open an account. Personal details go to the vault; the event names the fields, not the values."""
    if not ACCOUNT_ID.fullmatch(args.account):
        raise Invalid(
            "wrong_type", f"{args.account[:80]!r} can't be an account: use 1 to 63 of a-z 0-9 . _ -, first a letter or digit", at="account"
        )
    decimals(args.currency)
    zone_of(args.zone, at="zone")
    if context.heads[args.account].sequence:
        raise Conflict("account_exists", f"the account {args.account!r} exists already", at="account")
    if args.country and not re.fullmatch(r"[A-Z]{2}", args.country):
        raise Invalid("wrong_type", f"{args.country!r} is not a country code of two capital letters such as ES", at="country")
    check_tax_id(args.tax_id, args.country)
    fields = vault.write(args.account, _personal(args), at=context.at)
    event = AccountOpened(
        account=args.account,
        seller=args.seller,
        currency=args.currency,
        zone=args.zone,
        locale=args.locale,
        place=Place(country=args.country, region=args.region, city=args.city, exempt=_reasons(args.exempt), tax_id=args.tax_id),
        terms=args.terms,
        fields=tuple(fields),
        external_id=args.external_id,
    )
    return Decision([Draft(args.account, event, context.at)], {"account": args.account})


def _personal(args: Any) -> dict[str, str]:
    """The personal details that were given. Raises Invalid `bad_iban`."""
    given = {name: getattr(args, name) for name in vault.WRITTEN if getattr(args, name, "")}
    return {**given, "iban": check_iban(args.iban)} if args.iban else given


def _reasons(exempt: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(reason) for name, reason in exempt.items()}


#: Details that say where an account is taxed, beside the country; and all that may be emptied.
PLACE = ("region", "city", "tax_id")
CLEARABLE = (*PLACE, "phone", "street", "postcode")


@dataclass(frozen=True)
class ChangeDetails(Timed):
    account: str
    name: str = ""
    country: str | None = None
    region: str | None = None
    city: str | None = None
    tax_id: str | None = None
    exempt: Mapping[str, Any] | None = None
    locale: str = ""
    email: str = ""
    phone: str = ""
    street: str = ""
    postcode: str = ""
    iban: str = ""  # where money goes that is owed to the customer
    terms: str = ""
    clear: tuple[str, ...] = ()  # details that are emptied: region, city, tax_id, phone, street, postcode

    def writes(self) -> frozenset[str]:
        taxed = any(getattr(self, name) is not None or name in self.clear for name in ("country", "region", "city", "tax_id", "exempt"))
        return frozenset({"place"} if taxed else ()) | frozenset({"payment_terms"} if self.terms else ())

    def later(self) -> None:
        if found := sorted({*_personal(self), *(name for name in self.clear if name not in PLACE)}):
            message = f"{found[0]} is a person's: it can't wait in the journal; only the place of tax, locale and terms can be scheduled"
            raise Invalid("personal_data", message, at=found[0])


def change_details(context: Context, args: ChangeDetails) -> Decision:
    """Change details from now on. A new tax place acts on what is supplied from then on; issued documents keep theirs."""
    state = open_state(args.account)
    _check_clear(args)
    fields = vault.write(args.account, _personal(args), at=context.at, clear=args.clear)
    old = state.place_on(context.at)
    given = {name: getattr(args, name) for name in ("country", *PLACE) if getattr(args, name) is not None}
    given |= {name: "" for name in PLACE if name in args.clear}
    place = None
    if given or args.exempt is not None:
        exempt = old.exempt if args.exempt is None else _reasons(args.exempt)
        place = Place(**({"country": old.country, "region": old.region, "city": old.city, "tax_id": old.tax_id} | given), exempt=exempt)
        check_tax_id(place.tax_id, place.country)
    if not fields and place is None and not args.locale and not args.terms:
        raise Invalid("nothing_to_change", "no detail was given; name at least one", at="account")
    event = DetailsChanged(account=args.account, place=place, locale=args.locale, terms=args.terms, fields=tuple(fields))
    return Decision([Draft(args.account, event, context.at)])


def _check_clear(args: ChangeDetails) -> None:
    """Only what may be missing is emptied, and nothing is said and emptied at once."""
    for name in args.clear:
        if name not in CLEARABLE:
            raise Invalid("unknown_choice", f"expected details among {', '.join(CLEARABLE)}; found {name[:40]!r}", at="clear")
        if getattr(args, name):
            raise Invalid("conflict", f"{name} is given and emptied at once; leave out one of the two", at="clear")


@dataclass(frozen=True)
class CloseAccount:
    account: str
    reason: str = ""


def close_account(context: Context, args: CloseAccount) -> Decision:
    """Close an account that has no running contract, nothing unbilled and nothing open on either side."""
    check_settled(open_state(args.account))
    return Decision([Draft(args.account, AccountClosed(account=args.account, reason=args.reason), context.at)])


def check_settled(state: AccountState) -> None:
    """That nothing runs, waits or is open for the account. Raises the first of what `unsettled` finds."""
    for found in unsettled(state):
        raise found


def unsettled(state: AccountState) -> Iterator[Conflict]:
    """What runs, waits or is open for the account, in the order in which it is best settled."""
    for contract in state.contracts.values():
        if contract.status != "ended":
            message = f"the contract {contract.id} still runs; cancel it first"
            yield Conflict("contract_running", message, at="account", contract=contract.id)
    yield from scheduled(state.account)
    yield from _booked(state.account)
    if state.open_charges:
        message = f"{len(state.open_charges)} charges are on no document yet; issue or void them first"
        yield Conflict("unbilled_charges", message, at="account")
    for invoice in state.open_invoices:
        yield Conflict("balance_open", f"the account is not settled: {invoice.number}", at="account")
    for amount in state.credit.values():
        yield Conflict("balance_open", f"the account is not settled: credit of {plain(amount)}", at="account")
    statement = "SELECT ledger, amount FROM read_balance WHERE account = %s AND ledger = ANY(%s) AND amount <> 0 ORDER BY ledger"
    for ledger, amount in bulk.fetch(statement, [state.account, list(ledgers.WAITING)]):
        message = f"the account is not settled: {plain(abs(amount))} in {ledger.replace('_', ' ')}"
        yield Conflict("balance_open", message, at="account", ledger=ledger)


def scheduled(account: str) -> Iterator[Conflict]:
    """The changes that are scheduled for the account, and those that make it a payer."""
    statement = """
        SELECT change, command, moment, actor FROM read_change
        WHERE status IN ('scheduled', 'questioned') AND (account = %s OR arguments->>'to' = %s) ORDER BY moment, change"""
    for change, command, moment, actor in bulk.fetch(statement, [account, account]):
        message = f"{command} is scheduled for {moment:%Y-%m-%d %H:%M} UTC by {actor} ({change}); withdraw it first"
        yield Conflict("changes_scheduled", message, at="account", event=change)


def _booked(account: str) -> Iterator[Conflict]:
    """What is booked or reserved for the account."""
    statement = """
        SELECT booking, thing, start FROM read_booking WHERE account = %s AND status IN ('held', 'confirmed', 'started')
        UNION ALL SELECT reservation, item, expires FROM read_stock_reservation WHERE account = %s AND status = 'open'
        ORDER BY 3 NULLS LAST, 1"""
    for booking, thing, start in bulk.fetch(statement, [account, account]):
        when = f" on {start:%Y-%m-%d %H:%M} UTC" if start else ""
        message = f"{thing} is kept for the account{when} ({booking}); give it back first"
        yield Conflict("bookings_open", message, at="account", event=booking)


@dataclass(frozen=True)
class ReleaseAccount:
    account: str
    reason: str


def release_account(context: Context, args: ReleaseAccount) -> Decision:
    """Let a parked account be billed again."""
    state = open_state(args.account, parked=True)
    if state.status != "parked":
        raise Conflict("not_parked", f"the account {args.account!r} is not parked", at="account")
    return Decision([Draft(args.account, AccountReleased(account=args.account, reason=args.reason), context.at)])


@dataclass(frozen=True)
class OpenBalance:
    account: str
    amount: Decimal
    currency: str = ""
    due: date | None = None
    reference: str = ""


def open_balance(context: Context, args: OpenBalance) -> Decision:
    """Bring over what an account owes (positive) or has in credit (negative) from another system."""
    state = open_state(args.account)
    currency = args.currency or state.currency
    if not args.amount or args.amount != round(args.amount, decimals(currency)):
        raise Invalid("out_of_range", f"expected an amount other than 0 with at most {decimals(currency)} decimals", at="amount")
    owed = args.amount > 0
    invoice = context.next_address(args.account) if owed else ""
    book = Posting(ledger=ledgers.RECEIVABLE if owed else ledgers.CREDIT, amount=args.amount, currency=currency, invoice=invoice)
    event = BalanceOpened(
        account=args.account,
        invoice=invoice,
        reference=args.reference,
        amount=args.amount,
        currency=currency,
        due=args.due or (local_date(context.at, state.zone) if owed else None),
        entry=entry(context, state, (book, Posting(ledger=ledgers.OPENING, amount=-args.amount, currency=currency))),
        seller=state.seller,
    )
    return Decision([Draft(args.account, event, context.at)], {"invoice": invoice} if owed else {})


COMMANDS = (
    Command("open_account", "Open an account", OpenAccount, open_account, account_stream),
    Command("change_details", "Change an account's details, its tax place among them", ChangeDetails, change_details, account_stream),
    Command("close_account", "Close a settled account", CloseAccount, close_account, account_stream),
    Command("release_account", "Release a parked account", ReleaseAccount, release_account, account_stream),
    Command("open_balance", "Bring over a balance from another system", OpenBalance, open_balance, account_stream),
)
