"""The sample frontend: one page, and what that page has to know. It imports nothing outside its own folder."""

import os

from .site import assemble

app = assemble(os.environ)
