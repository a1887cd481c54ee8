"""Use by the month: partitions that a manager of our own makes ahead, and drains the default one into; indexes for what is asked often.

The function belongs to the owner of the tables and may be called by the application, which itself may neither make tables nor move a
record. It moves records of the default partition, whole, with the order of their arrival, and counts them.
"""

from django.conf import settings
from django.db import migrations, models

MONTHS = """
CREATE FUNCTION usage_month(month date) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public SET lock_timeout = '3s' AS $$
DECLARE
    name text := format('usage_record_%s', to_char(month, 'YYYY_MM'));
    since timestamptz := date_trunc('month', month)::timestamp AT TIME ZONE 'UTC';
    until timestamptz := (date_trunc('month', month) + interval '1 month')::timestamp AT TIME ZONE 'UTC';
    removed bigint;
    moved bigint;
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE usage_record INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', name);
    EXECUTE 'LOCK TABLE usage_record_other IN ACCESS EXCLUSIVE MODE';
    EXECUTE format('INSERT INTO %I SELECT * FROM usage_record_other WHERE at >= %L AND at < %L', name, since, until);
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved > 0 THEN
        EXECUTE 'ALTER TABLE usage_record_other DISABLE TRIGGER usage_is_append_only';
        EXECUTE format('DELETE FROM usage_record_other WHERE at >= %L AND at < %L', since, until);
        GET DIAGNOSTICS removed = ROW_COUNT;
        EXECUTE 'ALTER TABLE usage_record_other ENABLE ALWAYS TRIGGER usage_is_append_only';
        IF removed <> moved THEN
            RAISE EXCEPTION '% records of % were copied and % removed', moved, name, removed;
        END IF;
    END IF;
    EXECUTE format('ALTER TABLE usage_record ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, since, until);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER usage_is_append_only', name);
    EXECUTE format('CREATE TRIGGER usage_is_never_truncated BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER usage_is_never_truncated', name);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO {role}', name);
    EXECUTE format('REVOKE UPDATE, DELETE ON %I FROM {role}', name);
    RETURN moved;
END $$;
REVOKE ALL ON FUNCTION usage_month(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_month(date) TO {role};
"""

# Years become the months that hold something. The records go through the default partition's place: nothing else reads or writes meanwhile.
FROM_YEARS = """
DO $$
DECLARE
    part record;
    found record;
BEGIN
    FOR part IN SELECT inhrelid::regclass AS name FROM pg_inherits
        WHERE inhparent = 'usage_record'::regclass AND inhrelid::regclass::text ~ '^usage_record_[0-9]{4}$' LOOP
        EXECUTE format('ALTER TABLE usage_record DETACH PARTITION %s', part.name);
        FOR found IN EXECUTE format('SELECT DISTINCT date_trunc(''month'', at AT TIME ZONE ''UTC'')::date AS month FROM %s', part.name) LOOP
            PERFORM usage_month(found.month);
        END LOOP;
        EXECUTE format('INSERT INTO usage_record (account, meter, at, source, record, until, value, amount, dimensions, subject, kind, '
            'estimated, voids, amends, initial, final, sequence, recorded_at) OVERRIDING SYSTEM VALUE SELECT account, meter, at, source, '
            'record, until, value, amount, dimensions, subject, kind, estimated, voids, amends, initial, final, sequence, recorded_at '
            'FROM %s', part.name);
        EXECUTE format('DROP TABLE %s', part.name);
    END LOOP;
END $$;
DROP FUNCTION usage_partition(integer);
SELECT usage_month((date_trunc('month', now() AT TIME ZONE 'UTC') + months * interval '1 month')::date) FROM generate_series(-1, 3) AS months;
"""

LASTING = "CREATE INDEX usage_record_lasting ON usage_record (account, meter, at) WHERE until IS NOT NULL"


def months(apps, schema_editor):  # type: ignore[no-untyped-def]
    role = schema_editor.quote_name(settings.DATABASE_ROLE) if settings.DATABASE_ROLE else "CURRENT_USER"
    schema_editor.execute(MONTHS.replace("{role}", role), params=None)


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_requests")]
    operations = [
        migrations.AddIndex(
            model_name="account", index=models.Index(fields=["external_id"], name="read_account_external")
        ),
        migrations.RunSQL(LASTING),
        migrations.RunPython(months),
        migrations.RunSQL(FROM_YEARS),
    ]
