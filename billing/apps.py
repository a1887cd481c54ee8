from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing.then import keep_up  # noqa: PLC0415 - models are not loaded before

        post_migrate.connect(keep_up, sender=self)
