"""The entry of the web server. Its processes serve with threads, so they share a pool of connections."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DATABASE_POOL", "true")

application = get_wsgi_application()
