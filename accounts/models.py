"""The vault of people and addresses: own tables, never dropped by a rebuild, erasable without touching any event.

Rows are written only together with an event that names the fields, not the values. What a document shows of a person is a frozen row,
addressed by its hash; the event holds the hash.
"""

from __future__ import annotations

from django.db import models


class Person(models.Model):
    """Who stands behind an account, as known now."""

    account = models.TextField(primary_key=True)
    name = models.TextField(blank=True)
    email = models.TextField(blank=True)
    phone = models.TextField(blank=True)
    street = models.TextField(blank=True)
    postcode = models.TextField(blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "vault_person"

    def __str__(self) -> str:
        return self.name or self.account


class FrozenParty(models.Model):
    """A person as a document showed them. Erasing sets the details to null; the hash, and every chain, stay."""

    hash = models.TextField(primary_key=True)
    account = models.TextField(db_index=True)
    details = models.JSONField(null=True)

    class Meta:
        db_table = "vault_frozen_party"

    def __str__(self) -> str:
        return self.hash[:12]
