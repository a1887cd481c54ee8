"""All drills, in the order of their numbers."""

from tests.drills import bookkeeping, celery_runs, clocks, crashes, gateway, integrity, races, soak, web

_NUMBERED = (
    *celery_runs.DRILLS,
    *crashes.DRILLS,
    *gateway.DRILLS,
    *web.DRILLS,
    *races.DRILLS,
    *integrity.DRILLS,
    *clocks.DRILLS,
    *bookkeeping.DRILLS,
)
DRILLS = (*sorted(_NUMBERED, key=lambda drill: int(drill.id.lstrip("F"))), *soak.DRILLS)
