"""`python -m tests.access` writes the table of doors into docs/access.md."""

from tests.access.rendering import PAGE, written_into
from tests.access.table import table

PAGE.write_text(written_into(PAGE.read_text(), table()))
