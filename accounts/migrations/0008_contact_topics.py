"""Contacts are named by the event that added them, and receive mails by topic. Contacts of before get names of their own, and no mails."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_customers"),
    ]

    operations = [
        migrations.AddField(model_name="contact", name="contact", field=models.TextField(default=""), preserve_default=False),
        migrations.RunSQL("UPDATE contact SET contact = account || '/c' || id", migrations.RunSQL.noop),
        migrations.AlterField(model_name="contact", name="contact", field=models.TextField(unique=True)),
        migrations.AddField(model_name="contact", name="receives", field=models.JSONField(blank=True, default=list)),
    ]
