"""Every charge is changed once, when a document digests it: with half of each page free the new row finds place beside the old one, and no
index learns of it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0034_bounces_and_pace")]

    operations = [
        migrations.RunSQL("ALTER TABLE read_charge SET (fillfactor = 50)", "ALTER TABLE read_charge SET (fillfactor = 70)"),
    ]
