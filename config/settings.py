"""All settings, but those of jobs and logs (config/running.py), of the API (config/api.py) and the looks of the admin (config/office.py).

Everything has a value that works on a laptop; with DEBUG off the secrets must be given.

Each setting that an installation may want to change is read from the environment, or from a file named ``.env`` beside
``manage.py``. docs/operations.md lists them.
"""

from ipaddress import ip_network
from typing import Any

from config.api import *  # noqa: F403 - settings too, told apart for their length
from config.environment import BASE_DIR, DEBUG, VAR_DIR, env
from config.office import UNFOLD as UNFOLD
from config.running import *  # noqa: F403 - jobs and logs are settings too, told apart for their length

# --- Secrets and hosts: free to be weak while DEBUG is on, demanded when it is off.

if DEBUG:
    SECRET_KEY = env.str("SECRET_KEY", default="only-for-development-never-for-anything-that-counts")
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"])
else:
    SECRET_KEY = env.str("SECRET_KEY")
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=3600)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=True)
    SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=True)
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- The pipeline of billing, as dotted paths. The order is the order of work; engine, clockwork and scenario player read nothing else.

#: Modules that each list their COMMANDS.
BILLING_COMMANDS: tuple[str, ...] = (
    "billing.commands.accounts",
    "billing.commands.contracts",
    "billing.commands.changes",
    "billing.commands.moving",
    "billing.commands.holding",
    "billing.commands.sales",
    "billing.stock.commands",
    "billing.bookings.commands",
    "billing.bookings.staying",
    "billing.commands.documents",
    "billing.commands.drafts",
    "billing.commands.discounts",
    "billing.commands.credit",
    "billing.commands.catalogue",
    "billing.commands.effects",
    "billing.commands.runs",
    "billing.scheduling.commands",
    "billing.webhooks.commands",
    "billing.keys.commands",
    "billing.alerts.commands",
    "billing.crm.contacts",
    "billing.crm.consents",
    "billing.crm.bounces",
    "billing.crm.campaigns",
    "billing.crm.erasing",
    "billing.crm.merging",
    "billing.accounting.closing",
    "billing.accounting.allowance",
    "billing.house.commands",
    "billing.rates.commands",
    "billing.requests.commands",
    "billing.publications.commands",
    "billing.publications.kept",
    "billing.corrections.commands",
    "billing.wallets.commands",
    "billing.wallets.leaving",
    "billing.wallets.spending",
    "payments.commands",
    "payments.commands.notices",
    "payments.transfers.commands",
    "payments.dunning.commands",
    "payments.instalments.commands",
)
#: Actors that may say for whom they speak (`by`, `role`) when something is asked for or decided: programs that know it already. For
#: everybody else it is the signed-in user, with the roles that he has.
BILLING_SPEAKERS: tuple[str, ...] = ("scenario", "command line")
#: Where the engine finds its commands, its clockwork, and the zone in which an account's local times are meant.
BILLING_COMMAND_REGISTRY = "billing.command.registry"
BILLING_DECIDER = "billing.scheduling.deciding.decide"
#: Rules of other parts about changes that can't both stand: functions (asked, scheduled) -> clashes (see billing/conflicts.py).
BILLING_CONFLICT_RULES: tuple[str, ...] = ()
BILLING_CLOCKWORK = "billing.clockwork.advance"
BILLING_ZONE_OF = "billing.loading.zone_of_account"
#: Work that falls due beside periods and documents, at its place in the order of one moment (see billing/works.py).
BILLING_WORKS: tuple[str, ...] = (
    "billing.alerts.works.alerts",
    "billing.wallets.works.drawing",
    "billing.wallets.works.keeping",
    "billing.wallets.granting.granting",
    "billing.wallets.paying.paying",
    "billing.stock.works.reservations",
    "billing.agreements.works.renewals",
    "billing.scheduling.works.changes",
    "billing.agreements.works.new_terms",
    "billing.requests.works.expiry",
    "payments.instalments.work.instalments",
    "payments.settlement.work.surcharging",
    "payments.interest.work.interest",
    "payments.dunning.work.dunning",
    "billing.bookings.works.keeping",
    "billing.accounting.recognition.recognition",
    "payments.works.collecting",
    "payments.outgoing.work.paying_out",
)
#: Processors that fold every batch into read models, inside the transaction that records it.
BILLING_PROCESSORS: tuple[str, ...] = (
    "billing.processors.accounts.process",
    "billing.processors.contracts.process",
    "billing.processors.charges.process",
    "billing.processors.discounts.process",
    "billing.scheduling.processor.process",
    "billing.processors.credit.process",
    "billing.processors.holds.process",
    "billing.processors.due.process",
    "billing.processors.stock.process",
    "billing.processors.bookings.process",
    "billing.wallets.processor.process",
    "billing.processors.catalogue.process",
    "billing.processors.books.process",
    "billing.webhooks.processor.process",
    "billing.crm.processor.process",
    "billing.alerts.processor.process",
    "billing.processors.runs.process",
    "billing.house.processor.process",
    "billing.rates.processor.process",
    "billing.requests.processor.process",
    "billing.corrections.processor.process",
    "payments.processors.process",
    "payments.settlement.processor.process",
    "payments.gateway_processor.process",
    "payments.transfers.processor.process",
    "payments.dunning.processor.process",
    "payments.instalments.processor.process",
)
#: Processors of the same batch that need the numbers of documents, which are drawn after everything else is written.
BILLING_NUMBERED_PROCESSORS: tuple[str, ...] = (
    "billing.processors.documents.process",
    "billing.processors.ledger.process",
    "payments.interest.processor.process",
)
#: Who knows what an event owes to the outside world (see billing/effects.py).
BILLING_EFFECTS_OWED_BY: tuple[str, ...] = (
    "billing.effects.owed_by",
    "payments.calling.owed_by",
    "payments.dunning.effects.owed_by",
    "payments.documents.collections.owed_by",
    "billing.crm.erasing.owed_by",
    "billing.alerts.commands.owed_by",
)
#: Who keeps personal data: modules with `export` and `erase` (billing/crm/holders.py).
PERSONAL_DATA: tuple[str, ...] = ("accounts.crm.people", "billing.crm.holding", "payments.privacy")
#: Who knows what a whole batch owes to receivers that only the database knows.
BILLING_EFFECTS_OF_BATCH: tuple[str, ...] = ("billing.webhooks.owing.owed", "billing.crm.campaigns.owed")
BILLING_EFFECTS_FORESEEN: tuple[str, ...] = ("billing.webhooks.owing.foresee",)
#: How many mails a campaign sends in a minute, where it does not say so itself; 0: no bound.
CAMPAIGN_MAILS_A_MINUTE = env.int("CAMPAIGN_MAILS_A_MINUTE", default=300)
#: Where the house hears of what needs a person (payments/documents/staff.py). "": such effects wait, and `run effects` counts them.
STAFF_EMAIL = env.str("STAFF_EMAIL", default="")
STAFF_EFFECTS = ("staff.notify", "stock.low", "service.switch", "collection.hand_over") if STAFF_EMAIL else ()
#: Who delivers which kind of effect (see billing/delivery.py); a kind without a handler stays owed, and `run effects` lists it.
BILLING_EFFECT_HANDLERS: tuple[tuple[str, str], ...] = (
    ("document.send", "payments.documents.delivery.send"),
    ("dunning.remind", "payments.documents.delivery.remind"),
    ("collection.tell", "payments.documents.collections.tell"),
    ("contract.remind", "payments.documents.notices.remind"),
    ("campaign.mail", "payments.documents.campaigns.mail"),
    ("usage.alert", "payments.documents.alerts.alert"),
    ("person.erase", "billing.crm.erasing.finish"),
    ("wallet.top_up", "payments.calling.top_up"),
    ("gateway.charge", "payments.calling.charge"),
    ("gateway.set_up", "payments.calling.set_up"),
    ("gateway.checkout", "payments.calling.checkout"),
    ("gateway.refund", "payments.calling.refund"),
    ("gateway.payout", "payments.calling.pay_out"),
    ("gateway.digest", "payments.digesting.digest"),
    ("sandbox.notify", "payments.digesting.notify"),
    ("webhook.deliver", "billing.webhooks.sending.deliver"),
    *((kind, "payments.documents.staff.tell") for kind in STAFF_EFFECTS),
)
#: Who books a statement of the bank that a story brings in.
BILLING_STORY_BANK = "payments.statements.telling.brought"
#: Handlers that take the place of those above where a story is played: nothing of a story may leave the house.
BILLING_STORY_EFFECT_HANDLERS: tuple[tuple[str, str], ...] = (
    ("webhook.deliver", "billing.webhooks.sending.keep_inside"),
    ("document.send", "payments.documents.delivery.told"),
    ("dunning.remind", "payments.documents.delivery.told_reminder"),
    ("collection.tell", "payments.documents.collections.told"),
    ("contract.remind", "payments.documents.notices.told"),
    ("campaign.mail", "payments.documents.campaigns.told"),
    ("usage.alert", "payments.documents.alerts.told"),
    *((kind, "payments.documents.staff.told") for kind in STAFF_EFFECTS),
)

# --- Applications

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.forms",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "djmoney",
    "django_celery_beat",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "corsheaders",
    "plans",
    "accounts",
    "billing",
    "payments",
]

MIDDLEWARE = [
    "config.logs.RequestIds",
    "config.health.HealthFirst",
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "billing.api.events.EventsFirst",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.policies.PolicyByPath",
    "accounts.signing.SecondFactorForStaff",
    "config.broken.BrokenText",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

#: Widgets of ours have their templates under templates/ too.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- What pages may load: from here alone, no inline scripts. config/policies.py loosens it for the admin as little as its theme allows.

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- Signing in: by name or mail address, with a second factor for who wants one and for all staff

AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_ADAPTER = "accounts.signing.SignIn"
ACCOUNT_USER_DISPLAY = "accounts.signing.shown_name"
#: Staff must have set up a second factor before anything of the office opens. For development and tests it may be off.
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=not DEBUG)
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Bill'em All"

# --- Database: PostgreSQL 15 to 18, no extension. Without DATABASE_URL the embedded server of config/postgres.py, started on first use.

#: The role that every connection of the application takes on (SET ROLE); the journal's migration creates it, without the right to change
#: the journal. Empty: no role is created or taken on, because DATABASE_URL logs in as somebody who lacks the right already.
DATABASE_ROLE = env.str("DATABASE_ROLE", default="billing_app")
#: Stay the one who logged in, the owner of the tables. manage.py sets it for the commands that create or drop tables.
DATABASE_AS_OWNER = env.bool("DATABASE_AS_OWNER", default=False)
#: One pool for each process; for servers with threads (config/wsgi.py turns it on), not for short commands.
DATABASE_POOL = env.bool("DATABASE_POOL", default=False)

#: After how many uses in one connection a statement is prepared on the server: planning is a third of what a single command costs there.
#: 0: never, for a pooler between that can't keep prepared statements.
DATABASE_PREPARE = env.int("DATABASE_PREPARE", default=2)


def database_settings() -> dict[str, Any]:
    """The server of DATABASE_URL, or the embedded one; as the application role, unless an owner's command asked otherwise."""
    url = env.str("DATABASE_URL", default="")
    embedded = {"ENGINE": "config.database", "NAME": "billing", "SERVER": {"home": VAR_DIR / "postgres", "durable": True}}
    settings: dict[str, Any] = env.db_url_config(url) | {"ENGINE": "config.database"} if url else embedded
    options = settings.setdefault("OPTIONS", {})
    options |= {"assume_role": "" if DATABASE_AS_OWNER else DATABASE_ROLE, "server_side_binding": False}
    if DATABASE_PREPARE:
        options["prepare_threshold"] = DATABASE_PREPARE
    if DATABASE_POOL:
        options["pool"] = {"min_size": 1, "max_size": 8, "timeout": 30}
    settings["CONN_HEALTH_CHECKS"] = not DATABASE_POOL  # what a pool lends is looked at in config/database/base.py
    settings["TEST"] = {"NAME": env.str("TEST_DATABASE_NAME", default="test_billing")}
    return settings


DATABASES = {"default": database_settings()}

#: Only the limits of signing in are kept here. In the database by default: a cache of each process would let every process count alone, and
#: a Redis that is down must cost nobody more than a slower doorbell.
CACHES = {"default": env.cache_url("CACHE_URL", default="dbcache://django_cache")}

# --- Time, language, files

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = DEBUG

#: Networks inside, to which messages about events may go although they are not public: of receivers of one's own, or of tests.
WEBHOOK_INNER_NETWORKS = [ip_network(text) for text in env.list("WEBHOOK_INNER_NETWORKS", default=[])]

# --- Gateways

#: Every gateway by its name (see docs/gateways.md), and the one that new payment methods belong to.
PAYMENT_GATEWAYS: dict[str, str] = {
    "sandbox": "payments.gateways.sandbox.SandboxGateway",
    "stripe": "payments.gateways.stripe.StripeGateway",
    "manual": "payments.gateways.manual.ManualGateway",
}
PAYMENT_GATEWAY = env.str("PAYMENT_GATEWAY", default="sandbox" if DEBUG else "manual")
#: The sandbox takes no real money, so it is off where money counts. Stories use it everywhere.
SANDBOX_GATEWAY = env.bool("SANDBOX_GATEWAY", default=DEBUG)
#: The first signs; all are accepted, so that a secret can be changed without losing a webhook.
SANDBOX_WEBHOOK_SECRETS = env.list("SANDBOX_WEBHOOK_SECRETS", default=[SECRET_KEY])
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRETS", default=[])
#: Where the pages of gateways send the customer back to.
PAYMENT_RETURN_URL = env.str("PAYMENT_RETURN_URL", default="http://localhost:8000/")
#: The address of this site, for links that stand in mails.
SITE_URL = env.str("SITE_URL", default=PAYMENT_RETURN_URL)
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="")  # another address of the API, for tests

# --- Mail and admin

if env.str("EMAIL_URL", default=""):
    vars().update(env.email_url("EMAIL_URL"))
else:  # nothing leaves the machine: each mail is a file that a mail program opens
    EMAIL_BACKEND, EMAIL_FILE_PATH = "django.core.mail.backends.filebased.EmailBackend", VAR_DIR / "mail"
EMAIL_TIMEOUT = 20  # seconds; shorter than the lease of an effect
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="billing@localhost")

#: Where a customer pays a document, as documents print it and put it into a code to scan: a URL with {account} and {number}. "": nowhere.
PAYMENT_LINK = env.str("PAYMENT_LINK", default="")
