from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0003_money'),
    ]

    operations = [
        migrations.CreateModel(
            name='Books',
            fields=[
                ('seller', models.TextField(primary_key=True, serialize=False)),
                ('closed_through', models.DateField()),
                ('event', models.TextField()),
                ('closed_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'read_books',
            },
        ),
        migrations.CreateModel(
            name='DeferredCharge',
            fields=[
                ('pk', models.CompositePrimaryKey('account', 'contract', 'item', 'terms', 'period_start', 'component', 'currency', blank=True, editable=False, primary_key=True, serialize=False)),
                ('account', models.TextField()),
                ('contract', models.TextField()),
                ('item', models.TextField()),
                ('terms', models.TextField()),
                ('period_start', models.DateTimeField()),
                ('component', models.TextField()),
                ('currency', models.TextField()),
                ('ledger', models.TextField()),
                ('catalogue', models.TextField(blank=True)),
                ('version', models.IntegerField(default=0)),
                ('start', models.DateTimeField()),
                ('end', models.DateTimeField()),
                ('charged', models.DecimalField(decimal_places=6, max_digits=38)),
                ('recognised', models.DecimalField(decimal_places=6, max_digits=38)),
                ('after', models.DateTimeField()),
            ],
            options={
                'db_table': 'read_deferred',
            },
        ),
    ]
