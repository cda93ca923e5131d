"""The sample backend: one healthy Cloud Run service that imports nothing from outside its own folder."""

import os

from .assembly import assemble
from .settings import Settings

app = assemble(Settings.read(os.environ))
