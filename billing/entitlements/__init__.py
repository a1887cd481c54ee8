"""What an account may do now: from its contracts, their phase, its credit status, wallet and use, as the books stand when it is asked."""

from billing.entitlements.checking import check, check_all
from billing.entitlements.rules import Entitlement

__all__ = ["Entitlement", "check", "check_all"]
