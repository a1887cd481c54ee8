"""How the parts are put together: settings, addresses, the job queue, the database server. No rule of billing lives here."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
