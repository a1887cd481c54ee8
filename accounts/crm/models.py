"""Rows of daily work with customers. They are no part of the books: a rebuild leaves them.

Accounts are named by their ids, without foreign keys to read models.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower


class Contact(models.Model):
    """A person at a customer's, and what for. Part of the vault: written by commands, each with an event that names the fields."""

    contact = models.TextField(unique=True)  # the address of the event that added it
    account = models.TextField()
    name = models.TextField()
    email = models.TextField(blank=True)
    phone = models.TextField(blank=True)
    role = models.TextField(default="main")  # main billing technical legal other
    receives = models.JSONField(default=list, blank=True)  # topics of mails (accounts/crm/contacts.py)
    note = models.TextField(blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "contact"
        indexes = [models.Index(fields=["account"], name="contact_account"), models.Index(Lower("email"), name="contact_email_lower")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=["main", "billing", "technical", "legal", "other"]), name="contact_role_is_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.role})"


class Interaction(models.Model):
    """A call, mail, visit or note. Only ever added to."""

    account = models.TextField()
    kind = models.TextField()  # call mail visit note
    at = models.DateTimeField()
    text = models.TextField()
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.SET_NULL, related_name="interactions")
    by = models.TextField()

    class Meta:
        db_table = "interaction"
        indexes = [models.Index(fields=["account", "-at"], name="interaction_account")]
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=["call", "mail", "visit", "note"]), name="interaction_kind_is_known")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account}, {self.at:%Y-%m-%d}"


class Attachment(models.Model):
    """A file that belongs to an interaction; kept in the database, so that it is erased and saved together with the rest."""

    interaction = models.ForeignKey(Interaction, on_delete=models.CASCADE, related_name="files")
    name = models.TextField()
    size = models.IntegerField()
    content = models.BinaryField()

    class Meta:
        db_table = "attachment"

    def __str__(self) -> str:
        return self.name


class Task(models.Model):
    """Something that somebody has to do until a day."""

    account = models.TextField(blank=True)
    title = models.TextField()
    due = models.DateField()
    assigned = models.TextField(blank=True)  # the name of a user; "" for whoever comes first
    note = models.TextField(blank=True)
    made_by = models.TextField()
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.TextField(blank=True)

    class Meta:
        db_table = "task"
        indexes = [
            models.Index(fields=["account"], name="task_account"),
            models.Index(fields=["due"], name="task_open", condition=models.Q(done_at=None)),
        ]

    def __str__(self) -> str:
        return self.title


class Segment(models.Model):
    """A saved filter over accounts (billing/crm/segments.py says which words it knows)."""

    name = models.TextField(unique=True)
    filters = models.JSONField(default=dict, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        db_table = "segment"

    def __str__(self) -> str:
        return self.name
