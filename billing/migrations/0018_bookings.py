"""Bookings and the capacity of pools. Single things are kept apart by an exclusion constraint, which needs no extension."""

from django.db import migrations, models


APART = """
ALTER TABLE read_booking ADD CONSTRAINT booking_never_twice EXCLUDE USING gist
    (int8range(number, number, '[]') WITH &&, tstzrange(start, "end") WITH &&)
    WHERE (number IS NOT NULL AND status IN ('held', 'confirmed', 'started'));
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0017_month_moves'),
    ]

    operations = [
        migrations.CreateModel(
            name='Booking',
            fields=[
                ('booking', models.TextField(primary_key=True, serialize=False)),
                ('thing', models.TextField()),
                ('unit', models.TextField(blank=True)),
                ('number', models.BigIntegerField(null=True)),
                ('account', models.TextField()),
                ('quantity', models.IntegerField()),
                ('start', models.DateTimeField()),
                ('end', models.DateTimeField()),
                ('status', models.TextField()),
                ('due', models.DateTimeField(null=True)),
                ('stay', models.JSONField()),
                ('currency', models.TextField()),
                ('catalogue', models.TextField()),
                ('version', models.IntegerField()),
                ('sale', models.TextField(blank=True)),
                ('contract', models.TextField(blank=True)),
                ('fee', models.DecimalField(decimal_places=6, default=0, max_digits=38)),
                ('overbooked', models.BooleanField(default=False)),
                ('name', models.TextField(blank=True)),
                ('reference', models.TextField(blank=True)),
            ],
            options={
                'db_table': 'read_booking',
                'indexes': [models.Index(fields=['account', 'start'], name='read_booking_account'), models.Index(fields=['thing', 'start'], name='read_booking_thing'), models.Index(condition=models.Q(('status__in', ('held', 'confirmed'))), fields=['account', 'due'], name='read_booking_due')],
            },
        ),
        migrations.CreateModel(
            name='Capacity',
            fields=[
                ('pk', models.CompositePrimaryKey('thing', 'slot', blank=True, editable=False, primary_key=True, serialize=False)),
                ('thing', models.TextField()),
                ('slot', models.DateTimeField()),
                ('taken', models.IntegerField()),
                ('limit', models.IntegerField()),
            ],
            options={
                'db_table': 'read_capacity',
                'constraints': [models.CheckConstraint(condition=models.Q(('taken__gte', 0)), name='capacity_never_negative'), models.CheckConstraint(condition=models.Q(('taken__lte', models.F('limit'))), name='capacity_never_exceeded')],
            },
        ),
        migrations.RunSQL(APART),
    ]
