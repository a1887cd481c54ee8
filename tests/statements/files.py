"""Statements of one bank account in three forms, that say the same."""

from __future__ import annotations

from textwrap import dedent

OWN = "ES9121000418450200051332"
CSV = dedent(
    """\
    Fecha;Importe;Divisa;Concepto;Ordenante;IBAN;Referencia
    05/01/2026;24,14;EUR;Factura INV-000001;RUIZ PENA ANA;DE89370400440532013000;B1
    06/01/2026;1.000,00;EUR;gracias;SOMEBODY;;B2
    07/01/2026;-1,50;EUR;Comisión de mantenimiento;;;B3
    """
)
MT940 = dedent(
    """
    :20:STARTUMS
    :25:ES9121000418450200051332
    :28C:1/1
    :60F:C260101EUR1000,00
    :61:2601050105C24,14NTRFNONREF//B1
    :86:166?00GUTSCHRIFT?20SVWZ+Factura INV-000001?30BANKDEFF?31DE89370400440532013000?32RUIZ PENA ANA
    :61:2601060106C1000,00NTRFNONREF//B2
    :86:166?00GUTSCHRIFT?20SVWZ+gracias?32SOMEBODY
    :61:2601070107D1,50NCHGNONREF//B3
    :86:Comisión de mantenimiento
    :62F:C260107EUR2022,64
    -
    """
)
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def camt(*entries: str) -> bytes:
    account = f"<Acct><Id><IBAN>{OWN}</IBAN></Id></Acct>"
    inner = "".join(entries)
    return f'<Document xmlns="{NAMESPACE}"><BkToCstmrStmt><Stmt>{account}{inner}</Stmt></BkToCstmrStmt></Document>'.encode()


def entry(
    day: str, amount: str, *, sign: str = "CRDT", reference: str = "", details: str = "", code: str = "", status: str = "BOOK"
) -> str:
    named = f"<AcctSvcrRef>{reference}</AcctSvcrRef>" if reference else ""
    family = f"<BkTxCd><Domn><Fmly><SubFmlyCd>{code}</SubFmlyCd></Fmly></Domn></BkTxCd>" if code else ""
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd><Sts><Cd>{status}</Cd></Sts>'
        f"<BookgDt><Dt>{day}</Dt></BookgDt>{named}{family}<NtryDtls>{details}</NtryDtls></Ntry>"
    )


def detail(
    text: str = "", *, name: str = "", iban: str = "", end_to_end: str = "", amount: str = "", side: str = "Dbtr", extra: str = ""
) -> str:
    shown = f'<AmtDtls><TxAmt><Amt Ccy="EUR">{amount}</Amt></TxAmt></AmtDtls>' if amount else ""
    return (
        f"<TxDtls><Refs><EndToEndId>{end_to_end or 'NOTPROVIDED'}</EndToEndId></Refs>{shown}<RltdPties>"
        f"<{side}><Pty><Nm>{name}</Nm></Pty></{side}><{side}Acct><Id><IBAN>{iban}</IBAN></Id></{side}Acct></RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf>{extra}</TxDtls>"
    )


CAMT = camt(
    entry("2026-01-05", "24.14", reference="B1", details=detail("Factura INV-000001", name="RUIZ PENA ANA", iban="DE89370400440532013000")),
    entry("2026-01-06", "1000.00", reference="B2", details=detail("gracias", name="SOMEBODY")),
    entry("2026-01-07", "1.50", sign="DBIT", reference="B3", code="CHRG", details=detail("Comisión de mantenimiento", side="Cdtr")),
)
