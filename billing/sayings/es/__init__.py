"""Español."""

from billing.sayings.es.events import EVENTS
from billing.sayings.es.refusals import REFUSALS

__all__ = ["EVENTS", "REFUSALS"]
