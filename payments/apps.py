from django.apps import AppConfig

from payments import events, gateway_events
from payments.transfers import events as transfer_events

#: The journal decodes what it has been told of, so the events are known as soon as the app is.
EVENTS = (events, gateway_events, transfer_events)


class PaymentsConfig(AppConfig):
    name = "payments"
