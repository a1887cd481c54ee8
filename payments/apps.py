from django.apps import AppConfig

from payments import events, gateway_events
from payments.dunning import events as dunning_events
from payments.instalments import events as instalment_events
from payments.transfers import events as transfer_events

#: The journal decodes what it has been told of, so the events are known as soon as the app is.
EVENTS = (events, gateway_events, dunning_events, instalment_events, transfer_events)


class PaymentsConfig(AppConfig):
    name = "payments"
