"""Indexes that cost every tick and every document, and that nobody asks.

The second index of a text key is for LIKE: nobody looks for a part of a key. Everyday kinds are looked up by stream. The charges of a
document are found by its lines. Free room in the pages of charges lets a page take its rows' new versions when they are digested.
"""

from django.db import migrations, models

LIKE = """
DO $$
DECLARE found text;
BEGIN
    FOR found IN SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND indexname LIKE '%\\_like'
        AND tablename IN ('due', 'effect', 'stream', 'read_contract', 'read_invoice')
    LOOP EXECUTE format('DROP INDEX %I', found); END LOOP;
END $$;
ALTER TABLE read_charge SET (fillfactor = 70);
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0030_merged_and_held")]

    operations = [
        migrations.RunSQL(LIKE, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="charge", name="read_charge_invoice"),
        migrations.RemoveIndex(model_name="journalevent", name="journal_kind"),
        migrations.AddIndex(
            model_name="journalevent",
            index=models.Index(
                condition=models.Q(("kind__in", ("charge.accrued", "period.closed", "period.opened")), _negated=True),
                fields=["kind", "stream"],
                name="journal_kind",
            ),
        ),
    ]
