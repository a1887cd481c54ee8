"""A key that gets a new secret keeps the old one for a day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_contact_topics"),
    ]

    operations = [
        migrations.AddField(model_name="apikey", name="old_digest", field=models.BinaryField(null=True)),
        migrations.AddField(model_name="apikey", name="old_until", field=models.DateTimeField(null=True)),
    ]
