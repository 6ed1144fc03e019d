"""Questions that only go to endpoints that were chosen. Safe before deploy: the database fills it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("questions", "0001_initial"),)

    operations = (
        migrations.AddField(
            model_name="question",
            name="only_chosen",
            field=models.BooleanField(db_default=False, default=False),
        ),
    )
