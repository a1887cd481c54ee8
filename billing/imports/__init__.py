"""What an organisation brings along: accounts, running contracts and open balances from its spreadsheets, each row one command."""

from billing.imports.kinds import KINDS
from billing.imports.rows import Report, import_file

__all__ = ["KINDS", "Report", "import_file"]
