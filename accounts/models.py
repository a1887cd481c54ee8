"""The vault of people and addresses: own tables, never dropped by a rebuild, erasable without touching any event.

Rows are written only together with an event that names the fields, not the values. What a document shows of a person is a frozen row,
addressed by its hash; the event holds the hash.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from accounts.crm.models import Attachment, Contact, Interaction, Segment, Task

__all__ = ["AccessRecord", "ApiKey", "Attachment", "Contact", "FrozenParty", "Interaction", "Membership", "Person", "Segment", "Task"]


class Person(models.Model):
    """Who stands behind an account, as known now."""

    account = models.TextField(primary_key=True)
    name = models.TextField(blank=True)
    email = models.TextField(blank=True)
    phone = models.TextField(blank=True)
    street = models.TextField(blank=True)
    postcode = models.TextField(blank=True)
    iban = models.TextField(blank=True)  # where money goes that we owe; never on a document
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "vault_person"
        indexes = [models.Index(Lower("email"), name="vault_person_email", condition=~models.Q(email=""))]

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


class Membership(models.Model):
    """A person who signs in for an account, with a role there (accounts/roles.py says what each may do)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    account = models.TextField()
    role = models.TextField()  # owner billing viewer
    since = models.DateTimeField()

    class Meta:
        db_table = "membership"
        constraints = [
            models.UniqueConstraint(fields=["user", "account"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=["owner", "billing", "viewer"]), name="membership_role_is_known"),
        ]
        indexes = [models.Index(fields=["account"], name="membership_account")]

    def __str__(self) -> str:
        return f"{self.user} of {self.account}: {self.role}"


class Invitation(models.Model):
    """Somebody asked by mail to join an account. Only the digest of the link's secret is kept: who reads this table can't use it."""

    digest = models.BinaryField(unique=True)  # SHA-256 of the secret
    account = models.TextField()
    email = models.TextField()  # in small letters: only who has read mails sent there may accept
    role = models.TextField()
    invited_by = models.TextField()
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "invitation"
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=["owner", "billing", "viewer"]), name="invitation_role_is_known"),
            models.UniqueConstraint(
                fields=["account", "email"],
                name="one_open_invitation",
                condition=models.Q(accepted_at=None, withdrawn_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.account}: {self.role}"


class AccessRecord(models.Model):
    """Who looked at whose personal details, and who was refused what. Only ever added to."""

    at = models.DateTimeField()
    actor = models.TextField()
    action = models.TextField()  # looked exported refused invited joined removed …
    account = models.TextField(blank=True)
    what = models.TextField(blank=True)
    code = models.TextField(blank=True)  # of a refusal
    address = models.TextField(blank=True)  # from where, where a network address is known

    class Meta:
        db_table = "access_record"
        indexes = [
            models.Index(fields=["account", "at"], name="access_record_account"),
            models.Index(fields=["at"], name="access_record_at"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor} {self.action} {self.account} {self.what}".strip()


class ApiKey(models.Model):
    """What a program calls with. Only the digest of its secret is kept: who reads this table can't call.

    `scopes`: areas of commands, and `read usage entitlements webhooks` (accounts/roles.py). `account` or `seller` limits it to one; both
    empty: every account.
    """

    prefix = models.TextField(primary_key=True)  # the readable part, by which people name the key
    digest = models.BinaryField()  # SHA-256 of the whole key
    old_digest = models.BinaryField(null=True)  # of the secret before it, which holds until `old_until`
    old_until = models.DateTimeField(null=True)
    name = models.TextField()
    scopes = models.JSONField(default=list)
    account = models.TextField(blank=True)
    seller = models.TextField(blank=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)  # to the minute

    class Meta:
        db_table = "api_key"
        constraints = [
            models.CheckConstraint(condition=models.Q(account="") | models.Q(seller=""), name="api_key_limited_to_account_or_seller")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"


class ApiCalls(models.Model):
    """How often a caller called in the current minute: one row for each, begun anew with the minute. Not logged by the database: what a
    crash loses is a count of seconds."""

    caller = models.TextField(primary_key=True)
    began = models.DateTimeField()
    count = models.IntegerField()

    class Meta:
        db_table = "api_calls"

    def __str__(self) -> str:
        return f"{self.caller}: {self.count}"
