"""Live periods get a table of their own, which inherits of that of all: there the next period takes the row of the one that it follows, and no
index learns of it. In the other stands what is past."""

from django.db import migrations

APART = """
CREATE TABLE read_live_period (CONSTRAINT period_is_live CHECK (NOT closed OR last)) INHERITS (read_period) WITH (fillfactor = 50);
WITH live AS (DELETE FROM ONLY read_period WHERE NOT closed OR last RETURNING *) INSERT INTO read_live_period SELECT * FROM live;
CREATE INDEX read_live_period_account ON read_live_period (account);
ALTER TABLE read_period ADD CONSTRAINT period_is_past CHECK (closed AND NOT last) NO INHERIT;
"""
TOGETHER = """
ALTER TABLE read_period DROP CONSTRAINT period_is_past;
WITH live AS (DELETE FROM read_live_period RETURNING *) INSERT INTO read_period SELECT * FROM live;
DROP TABLE read_live_period;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0036_narrower_indexes")]

    operations = [
        migrations.RunSQL(APART, TOGETHER),
        migrations.RemoveIndex(model_name="period", name="read_period_live"),
    ]
