"""Settings of the API: who signs in how, how often, from which pages, and how it is described."""

from corsheaders.defaults import default_headers

from config.environment import env

__all__ = [
    "API_CALLS_PER_MINUTE",
    "API_INGESTS_PER_MINUTE",
    "CORS_ALLOWED_ORIGINS",
    "CORS_ALLOW_HEADERS",
    "CORS_EXPOSE_HEADERS",
    "CORS_URLS_REGEX",
    "REST_FRAMEWORK",
    "SPECTACULAR_SETTINGS",
]

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": ["billing.api.keys.KeySignIn", "billing.api.callers.SessionSignIn"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "COERCE_DECIMAL_TO_STRING": True,
    "URL_FORMAT_OVERRIDE": None,
}

#: How often a caller may call in a minute, and how often a key may send events (each up to 5,000 of them); 0: as often as it likes.
API_CALLS_PER_MINUTE = env.int("API_CALLS_PER_MINUTE", default=1200)
API_INGESTS_PER_MINUTE = env.int("API_INGESTS_PER_MINUTE", default=12000)

#: Pages of other sites that may call the API from a browser, with a key and never with the cookie of who signed in here. None by default.
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "if-match"]
CORS_EXPOSE_HEADERS = ["etag", "retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "x-request-id"]

SPECTACULAR_SETTINGS = {
    "ENABLE_DJANGO_DEPLOY_CHECK": False,  # docs/openapi.yaml is checked for staleness instead
    "TITLE": "Bill'em All",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "DESCRIPTION": "Who owes how much, and why. Tasks: docs/api.md. Every error is a problem (RFC 9457); its codes: docs/errors.md.",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "billing.api.schema.finish"],
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
