"""A Django app that texts customers once their order is committed, and shows whether the SMS arrived.

pip install smsrelay django standardwebhooks
python manage.py migrate
WEBHOOK_SECRET=whsec_... python manage.py runserver 8002
"""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
execute_from_command_line(sys.argv)
