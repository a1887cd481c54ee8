"""Indexes for LIKE on keys of wallets: nobody looks for a part of a key."""

from django.db import migrations

LIKE = """
DO $$
DECLARE found text;
BEGIN
    FOR found IN SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND indexname LIKE '%\\_like'
        AND tablename IN ('read_wallet_lot', 'read_wallet_reservation')
    LOOP EXECUTE format('DROP INDEX %I', found); END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0037_live_periods")]

    operations = [migrations.RunSQL(LIKE, migrations.RunSQL.noop)]
