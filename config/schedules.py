"""When beat asks for what: kept in the database, where the office changes it. The settings only say how a schedule begins."""

from collections.abc import Mapping
from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler


class KeptSchedules(DatabaseScheduler):  # type: ignore[misc]
    """The package's own writes what the settings say over what people have changed, each time that beat starts."""

    def update_from_dict(self, mapping: Mapping[str, Any]) -> None:
        known = set(self.Model.objects.filter(name__in=list(mapping)).values_list("name", flat=True))
        super().update_from_dict({name: entry for name, entry in mapping.items() if name not in known})
