"""All drills, in the order of their numbers."""

from tests.drills import bookkeeping, celery_runs, clocks, crashes, following, gateway, integrity, races, soak, storms, wallets, web

_NUMBERED = (
    *celery_runs.DRILLS,
    *crashes.DRILLS,
    *gateway.DRILLS,
    *storms.DRILLS,
    *web.DRILLS,
    *races.DRILLS,
    *wallets.DRILLS,
    *integrity.DRILLS,
    *following.DRILLS,
    *clocks.DRILLS,
    *bookkeeping.DRILLS,
)
DRILLS = (*sorted(_NUMBERED, key=lambda drill: int(drill.id.lstrip("F"))), *soak.DRILLS)
