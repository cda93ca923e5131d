"""The sample auth service: who may log in, and the token that says so. It imports nothing outside its own folder."""

import os

from .api import assemble
from .settings import Settings

app = assemble(Settings.read(os.environ))
