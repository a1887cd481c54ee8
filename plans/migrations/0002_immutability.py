"""What the database itself enforces for published policy: no change, no removal, no gap between versions, a digest that is the source's.

The application role may only read versions and add them. Triggers are ENABLE ALWAYS, so that they fire for the owner and in replica mode
too. `published_in` is the transaction that added a version: what this transaction has added itself may still be rolled back.
"""

from django.conf import settings
from django.db import migrations

VERSIONS = """
ALTER TABLE catalogue_version ADD COLUMN published_in xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE catalogue_version ADD CONSTRAINT catalogue_version_digest_of_source
    CHECK (digest = encode(sha256(convert_to(source, 'UTF8')), 'hex'));
CREATE FUNCTION refuse_catalogue_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published catalogue never changes: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION refuse_catalogue_gap() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE newest integer;
BEGIN
    SELECT coalesce(max(version), 0) INTO newest FROM catalogue_version WHERE name = NEW.name;
    IF NEW.version > newest + 1 THEN
        RAISE EXCEPTION 'version % of catalogue % would leave a gap after %', NEW.version, NEW.name, newest USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER catalogue_version_never_changes BEFORE UPDATE OR DELETE ON catalogue_version
    FOR EACH ROW EXECUTE FUNCTION refuse_catalogue_change();
CREATE TRIGGER catalogue_version_is_never_truncated BEFORE TRUNCATE ON catalogue_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_catalogue_change();
CREATE TRIGGER catalogue_version_has_no_gap BEFORE INSERT ON catalogue_version
    FOR EACH ROW EXECUTE FUNCTION refuse_catalogue_gap();
ALTER TABLE catalogue_version ENABLE ALWAYS TRIGGER catalogue_version_never_changes;
ALTER TABLE catalogue_version ENABLE ALWAYS TRIGGER catalogue_version_is_never_truncated;
ALTER TABLE catalogue_version ENABLE ALWAYS TRIGGER catalogue_version_has_no_gap;
"""

ROLE = """
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') THEN
        REVOKE ALL ON catalogue_version FROM {role};
        GRANT SELECT, INSERT ON catalogue_version TO {role};
        GRANT SELECT, INSERT, UPDATE, DELETE ON catalogue_draft TO {role};
    END IF;
END $$;
"""


def limit_role(apps, schema_editor):  # type: ignore[no-untyped-def]
    if settings.DATABASE_ROLE:
        role = schema_editor.quote_name(settings.DATABASE_ROLE).strip('"')
        schema_editor.execute(ROLE.replace("{role}", role))


class Migration(migrations.Migration):
    # After the migration that makes the role and grants it everything: only then does taking rights away last.
    dependencies = [("plans", "0001_tables"), ("billing", "0002_immutability")]
    operations = [migrations.RunSQL(VERSIONS), migrations.RunPython(limit_role)]
