"""What people agreed to, and which campaigns reached them, as their events say."""

from __future__ import annotations

from django.db import models


class Consent(models.Model):
    """What a person said last about one purpose and channel; `contact` is empty for the account's own address."""

    pk = models.CompositePrimaryKey("account", "contact", "purpose", "channel")
    account = models.TextField()
    contact = models.TextField(blank=True)
    purpose = models.TextField()
    channel = models.TextField()
    given = models.BooleanField()
    since = models.DateTimeField()
    version = models.TextField(blank=True)
    how = models.TextField(blank=True)
    by = models.TextField()

    class Meta:
        db_table = "read_consent"
        indexes = [models.Index(fields=["purpose", "account"], name="read_consent_purpose", condition=models.Q(given=True))]

    def __str__(self) -> str:
        return f"{self.account} {self.contact} {self.purpose}: {'yes' if self.given else 'no'}"


class Campaign(models.Model):
    """A mail to a segment: what it says, and since when it is on its way."""

    campaign = models.TextField(primary_key=True)
    seller = models.TextField()
    segment = models.TextField()
    filters = models.JSONField(default=dict)
    purpose = models.TextField()
    subject = models.JSONField(default=dict)
    text = models.JSONField(default=dict)
    drafted_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    accounts = models.IntegerField(default=0)
    recipients = models.IntegerField(default=0)
    left_out = models.JSONField(default=dict)
    per_minute = models.IntegerField(default=0)

    class Meta:
        db_table = "read_campaign"

    def __str__(self) -> str:
        return self.campaign


class CampaignMail(models.Model):
    """What became of a campaign's mail to one person."""

    pk = models.CompositePrimaryKey("account", "contact", "campaign")
    account = models.TextField()
    contact = models.TextField(blank=True)
    campaign = models.TextField()
    state = models.TextField()  # sent skipped
    code = models.TextField(blank=True)  # why it was skipped
    at = models.DateTimeField()
    followed_at = models.DateTimeField(null=True)  # the first time
    links = models.JSONField(default=list)
    unsubscribed_at = models.DateTimeField(null=True)
    bounced_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "read_campaign_mail"
        indexes = [models.Index(fields=["campaign", "at"], name="read_campaign_mail_at")]

    def __str__(self) -> str:
        return f"{self.campaign} to {self.account} {self.contact}: {self.state}"


class Bounce(models.Model):
    """Mail to this person came back, and nothing was heard of the address since."""

    pk = models.CompositePrimaryKey("account", "contact")
    account = models.TextField()
    contact = models.TextField(blank=True)
    at = models.DateTimeField()
    code = models.TextField(blank=True)
    campaign = models.TextField(blank=True)

    class Meta:
        db_table = "read_bounce"

    def __str__(self) -> str:
        return f"{self.account} {self.contact}: {self.code}"


class LegalHold(models.Model):
    """Nothing of the account may be erased, and why."""

    account = models.TextField(primary_key=True)
    reason = models.TextField()
    since = models.DateTimeField()
    by = models.TextField()

    class Meta:
        db_table = "read_legal_hold"

    def __str__(self) -> str:
        return f"{self.account}: {self.reason}"


class Merged(models.Model):
    """A second account of a customer, and the one that goes on for it."""

    account = models.TextField(primary_key=True)
    into = models.TextField(db_index=True)
    since = models.DateTimeField()
    usage = models.BooleanField(default=False)  # new use that is sent to the account is counted in `into`

    class Meta:
        db_table = "read_merged"

    def __str__(self) -> str:
        return f"{self.account} into {self.into}"
