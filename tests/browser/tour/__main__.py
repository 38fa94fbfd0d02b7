"""`python -m tests.browser.tour` takes the pictures of docs/tour.md anew and writes that page.

Names of stops as arguments take these alone.
"""

import os
import sys
import tempfile

import django

# The demo's people are Django's models; nothing is read or written here, the portal has a directory of its own.
with tempfile.TemporaryDirectory() as folder:
    os.environ |= {"DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "telehealth.settings"}
    django.setup()
    from tests.browser.tour.taking import take_all

    take_all(set(sys.argv[1:]))
