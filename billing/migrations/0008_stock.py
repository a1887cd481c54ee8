"""Stock at several places, its movements and reservations. What is there already is kept: it lies at the main place."""

from django.db import migrations, models

KEEP = "CREATE TABLE read_stock_before AS SELECT item, level FROM read_stock; DROP TABLE read_stock"
BRING_BACK = """
INSERT INTO read_stock (item, location, level, reserved, value) SELECT item, 'main', level, 0, 0 FROM read_stock_before;
DROP TABLE read_stock_before"""

QUANTITY = {"max_digits": 38, "decimal_places": 12}
MONEY = {"max_digits": 38, "decimal_places": 6}


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_effects")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(KEEP)],
            state_operations=[migrations.DeleteModel("Stock")],
        ),
        migrations.CreateModel(
            name="Stock",
            fields=[
                ("pk", models.CompositePrimaryKey("item", "location", blank=True, editable=False, primary_key=True, serialize=False)),
                ("item", models.TextField()),
                ("location", models.TextField()),
                ("level", models.DecimalField(**QUANTITY)),
                ("reserved", models.DecimalField(default=0, **QUANTITY)),
                ("value", models.DecimalField(default=0, **MONEY)),
                ("unit_cost", models.DecimalField(null=True, **MONEY)),
            ],
            options={
                "db_table": "read_stock",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("level__gte", 0)), name="stock_never_negative"),
                    models.CheckConstraint(condition=models.Q(("reserved__gte", 0)), name="stock_reserved_never_negative"),
                ],
            },
        ),
        migrations.RunSQL(BRING_BACK),
        migrations.CreateModel(
            name="StockMove",
            fields=[
                ("pk", models.CompositePrimaryKey("item", "sequence", blank=True, editable=False, primary_key=True, serialize=False)),
                ("item", models.TextField()),
                ("sequence", models.BigIntegerField()),
                ("location", models.TextField()),
                ("at", models.DateTimeField()),
                ("quantity", models.DecimalField(**QUANTITY)),
                ("level", models.DecimalField(**QUANTITY)),
                ("reason", models.TextField()),
                ("account", models.TextField(blank=True)),
                ("cost", models.DecimalField(**MONEY)),
                ("currency", models.TextField(blank=True)),
                ("note", models.TextField(blank=True)),
                ("cause", models.TextField(blank=True)),
            ],
            options={
                "db_table": "read_stock_move",
                "indexes": [
                    models.Index(condition=models.Q(("cause", ""), _negated=True), fields=["cause"], name="read_stock_move_cause")
                ],
            },
        ),
        migrations.CreateModel(
            name="StockReservation",
            fields=[
                ("reservation", models.TextField(primary_key=True, serialize=False)),
                ("item", models.TextField()),
                ("location", models.TextField()),
                ("account", models.TextField()),
                ("quantity", models.DecimalField(**QUANTITY)),
                ("expires", models.DateTimeField(null=True)),
                ("reference", models.TextField(blank=True)),
                ("status", models.TextField()),
            ],
            options={
                "db_table": "read_stock_reservation",
                "indexes": [
                    models.Index(condition=models.Q(("status", "open")), fields=["account"], name="read_stock_reservation_open")
                ],
            },
        ),
    ]
