"""What the database itself enforces: an append-only journal, the partitioned usage annex, balanced entries, and the application role.

The role may SELECT everything, INSERT the listed columns of the journal, and write the read models; it can't change or remove an
event. Triggers are ENABLE ALWAYS, so that they fire for the owner and in replica mode too.
"""

from django.conf import settings
from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE ON journal FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_is_never_truncated BEFORE TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE journal ENABLE ALWAYS TRIGGER journal_is_append_only;
ALTER TABLE journal ENABLE ALWAYS TRIGGER journal_is_never_truncated;
"""

USAGE = """
CREATE TABLE usage_key (
    source text NOT NULL, record text NOT NULL, at timestamptz NOT NULL, digest bytea NOT NULL,
    PRIMARY KEY (source, record)
) PARTITION BY HASH (source, record);
CREATE TABLE usage_record (
    account text NOT NULL, meter text NOT NULL, at timestamptz NOT NULL, source text NOT NULL, record text NOT NULL,
    until timestamptz, value numeric, amount numeric, dimensions jsonb NOT NULL DEFAULT '{}', subject text NOT NULL DEFAULT '',
    kind text NOT NULL DEFAULT 'usage', estimated boolean NOT NULL DEFAULT false, voids text NOT NULL DEFAULT '',
    amends text NOT NULL DEFAULT '', initial numeric, final numeric, sequence bigint GENERATED ALWAYS AS IDENTITY,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (account, meter, at, source, record)
) PARTITION BY RANGE (at);
CREATE INDEX usage_record_correction ON usage_record (account, meter) WHERE voids <> '' OR amends <> '';
CREATE TABLE usage_record_other PARTITION OF usage_record DEFAULT;
CREATE FUNCTION usage_partition(year integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE IF NOT EXISTS usage_record_%s PARTITION OF usage_record FOR VALUES FROM (%L) TO (%L)',
        year, make_timestamptz(year, 1, 1, 0, 0, 0, 'UTC'), make_timestamptz(year + 1, 1, 1, 0, 0, 0, 'UTC'));
END $$;
SELECT usage_partition(year) FROM generate_series(2020, 2040) AS year;
DO $$
BEGIN
    FOR part IN 0..7 LOOP
        EXECUTE format('CREATE TABLE usage_key_%s PARTITION OF usage_key FOR VALUES WITH (MODULUS 8, REMAINDER %s)', part, part);
    END LOOP;
END $$;
CREATE TRIGGER usage_is_append_only BEFORE UPDATE OR DELETE ON usage_record FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER usage_key_is_append_only BEFORE UPDATE OR DELETE ON usage_key FOR EACH ROW EXECUTE FUNCTION refuse_change();
DO $$
DECLARE part record;
BEGIN
    FOR part IN SELECT inhrelid::regclass AS name, tgname FROM pg_inherits JOIN pg_trigger ON tgrelid = inhrelid
        WHERE inhparent IN ('usage_record'::regclass, 'usage_key'::regclass) LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', part.name, part.tgname);
    END LOOP;
    FOR part IN SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname ~ '^usage_(key|record)' LOOP
        EXECUTE format('CREATE TRIGGER usage_is_never_truncated BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', part.relname);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER usage_is_never_truncated', part.relname);
    END LOOP;
END $$;
"""

BALANCED = """
CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong record;
BEGIN
    SELECT account, sequence, currency, sum(amount) AS off INTO wrong FROM written
        GROUP BY account, sequence, currency HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'postings of %/% do not sum to zero: % % over', wrong.account, wrong.sequence, wrong.off, wrong.currency
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER posting_entries_balance AFTER INSERT ON read_posting REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced();
"""

TUNING = """
ALTER TABLE stream SET (fillfactor = 70);
ALTER TABLE read_balance SET (fillfactor = 70);
ALTER TABLE due SET (fillfactor = 70);
"""

ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;  -- roles belong to the whole server: another database made it meanwhile
    WHEN insufficient_privilege THEN RAISE EXCEPTION 'the role {role} is missing and may not be made by this user'
        USING HINT = 'Ask an administrator for CREATE ROLE {role} NOLOGIN and GRANT {role} TO this user, then migrate again';
END $$;
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role};
REVOKE ALL ON journal FROM {role};
GRANT SELECT ON journal TO {role};
GRANT INSERT (stream, sequence, kind, version, effective_at, recorded_at, actor, command, cause, key, data, previous_hash, hash) ON journal TO {role};
DO $$
DECLARE part record;
BEGIN
    FOR part IN SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname ~ '^usage_(key|record)' LOOP
        EXECUTE format('REVOKE ALL ON %I FROM {role}', part.relname);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO {role}', part.relname);
    END LOOP;
END $$;
"""


def make_role(apps, schema_editor):  # type: ignore[no-untyped-def]
    if settings.DATABASE_ROLE:
        role = schema_editor.quote_name(settings.DATABASE_ROLE).strip('"')
        schema_editor.execute(ROLE.replace("{role}", role), params=None)


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_tables")]
    operations = [migrations.RunSQL(part) for part in (APPEND_ONLY, USAGE, BALANCED, TUNING)] + [migrations.RunPython(make_role)]
