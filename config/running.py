"""Settings of what runs by itself and of what it logs. A part of config/settings.py, which takes all of it in."""

from celery.schedules import crontab
from kombu.entity import Exchange, Queue

from config.environment import DEBUG, env

# --- Jobs: the rows of the database say what is due; the broker is a doorbell and may lose or repeat what it is told.

#: A Redis for doorbell; or a broker of another kind (AMQP). Without either, everything runs in the processes of `make serve`.
REDIS_URL = env.str("REDIS_URL", default="")
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL or "memory://")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
#: A worker takes no more messages than it has processes: what it would keep waiting behind a share of a run, others can do; and what it
#: holds when it is killed comes back only after the visibility timeout.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_ACCEPT_CONTENT = ["json"]
#: What people wait for (payments, messages) has a queue of its own, apart from runs. Each with an exchange of its own: without one both
#: would take the default's, and every message would come to both.
CELERY_TASK_QUEUES = tuple(
    Queue(name, Exchange(name), routing_key=name)  # type: ignore[no-untyped-call]
    for name in ("urgent", "bulk")
)
CELERY_TASK_DEFAULT_QUEUE = "urgent"
CELERY_TASK_ROUTES = {"billing.tasks.share": {"queue": "bulk"}, "billing.tasks.check_nightly": {"queue": "bulk"}}
#: How many workers share a run that beat starts, and for how long each works before it rings again.
RUN_SHARES = env.int("RUN_SHARES", default=2)
RUN_SHARE_SECONDS = env.int("RUN_SHARE_SECONDS", default=300)
#: A run of which no worker said anything for so long is taken up by the next beat. Each chunk says something.
RUN_SILENT_SECONDS = env.int("RUN_SILENT_SECONDS", default=120)
CELERY_TIMEZONE = "UTC"
#: The office changes schedules (admin, Periodic tasks); these are how they begin.
CELERY_BEAT_SCHEDULER = "config.schedules:KeptSchedules"
CELERY_BEAT_SCHEDULE = {
    "advance": {"task": "billing.tasks.advance_due", "schedule": env.int("ADVANCE_EVERY_SECONDS", default=60)},
    "effects": {"task": "billing.tasks.deliver_effects", "schedule": env.int("EFFECTS_EVERY_SECONDS", default=15)},
    "usage-months": {"task": "billing.tasks.keep_usage_months", "schedule": 3600},
    "nightly": {"task": "billing.tasks.check_nightly", "schedule": crontab(hour=3, minute=17)},
}
if CELERY_BROKER_URL.startswith("redis"):
    # A message is given to another worker once this much time went by without an answer, so it must exceed the longest task.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "unacked_restore_interval": 2, "unacked_restore_throttle": 1}

#: What Prometheus must send as a bearer to read /metrics; empty: there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- Logs

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"without_card_numbers": {"()": "config.logs.WithoutCardNumbers"}},
    "formatters": {"lines": {"()": "config.logs.JsonLines"}, "plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "filters": ["without_card_numbers"], "formatter": "plain" if DEBUG else "lines"}
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="WARNING")},
}
