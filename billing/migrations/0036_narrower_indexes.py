"""Of postings only those that say who owes are asked by account and ledger: the index holds no others. A balance changes with every entry:
with half of its page free the new row finds place beside the old one, and no index learns of it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0035_charges_in_place")]

    operations = [
        migrations.RemoveIndex(model_name="postingrow", name="read_posting_ledger"),
        migrations.AddIndex(
            model_name="postingrow",
            index=models.Index(
                condition=models.Q(("ledger__in", ("receivable", "credit", "payable"))),
                fields=["account", "ledger", "effective_at"],
                name="read_posting_ledger",
            ),
        ),
        migrations.RunSQL("ALTER TABLE read_balance SET (fillfactor = 50)", "ALTER TABLE read_balance SET (fillfactor = 70)"),
    ]
