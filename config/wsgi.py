"""The entry of the web server. Its processes serve with threads, so they share a pool of connections.

Everything that a request may need is loaded before the first one comes, so that nobody waits for it. The collector of cycles rests
meanwhile (it took a third of the start), and leaves for ever what was loaded.
"""

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from billing.memory import no_collection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DATABASE_POOL", "true")

with no_collection():
    application = get_wsgi_application()
    import_module(settings.ROOT_URLCONF)
    gc.freeze()
