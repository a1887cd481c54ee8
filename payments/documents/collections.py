"""Effect `collection.tell`: the customer is asked for another method after a hard decline, or to confirm a charge that the bank asks about.

Whoever gave his method on the gateway's page a moment ago stands before that page, and gets no mail. What was paid, confirmed or replaced
by the time the mail leaves is not asked for any more.
"""

from __future__ import annotations

from billing import bulk
from billing.delivery import Answer, Done, OwedEffect
from billing.effects import Owed, owed_of
from billing.events import Event
from payments.documents.delivery import post
from payments.documents.reading import collection_mail
from payments.documents.shown import shown
from payments.documents.values import Document
from payments.gateway_events import CollectionAwaited, CollectionFailed
from payments.models import Collection, PaymentMethod

KIND = "collection.tell"


@owed_of(CollectionFailed, CollectionAwaited)
def owed_by(event: Event) -> list[Owed]:
    if isinstance(event, CollectionFailed) and event.decline == "hard" and event.method:
        return [(KIND, {"collection": event.collection, "about": "declined"})]
    if isinstance(event, CollectionAwaited) and event.waiting == "confirmation":
        return [(KIND, {"collection": event.collection, "about": "confirmation"})]
    return []


def tell(effect: OwedEffect) -> Answer:
    """Handler of `collection.tell`."""
    document = asked_for(effect)
    return post(document, effect.id, topic="payments") if isinstance(document, Document) else document


def told(effect: OwedEffect) -> Answer:
    """Handler of `collection.tell` in stories: put into words, and not sent."""
    document = asked_for(effect)
    if isinstance(document, Done):
        return document
    shown(document)
    return Done("a story sends no mail")


def asked_for(effect: OwedEffect) -> Document | Done:
    """What the mail says; or why there is none."""
    collection = Collection.objects.get(collection=effect.payload["collection"])
    confirmation = effect.payload["about"] == "confirmation"
    if not collection.method:
        return Done("the customer has the gateway's page before him")
    if confirmation and collection.status != "confirmation":
        return Done(f"nothing is to be confirmed any more: the collection is {collection.status}")
    if not confirmation and not PaymentMethod.objects.filter(method=collection.method, is_default=True).exists():
        return Done("another method took its place meanwhile")
    statement = """
        SELECT p.invoice FROM read_collection_part p JOIN read_invoice i ON i.account = p.account AND i.invoice = p.invoice
        WHERE p.collection = %s AND i.open > i.held AND i.status = 'open' ORDER BY i.due, i.sequence"""
    documents = [invoice for (invoice,) in bulk.fetch(statement, [collection.collection])]
    if not documents:
        return Done("nothing of it is open any more")
    return collection_mail(collection, kind="confirmation" if confirmation else "declined", id=effect.id, documents=documents)
