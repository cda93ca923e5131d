"""What a command of ours loads sooner or later, as it loads it: imported by the process that others are forked from."""

import importlib
import os
import pkgutil

from netra_loop import adapters, cli, views, wiring
from netra_loop.__main__ import load_swiftly

load_swiftly()
os.environ["GOOGLE_CLOUD_DISABLE_GRPC"] = "true"  # Google's logging reads it when it is imported
for package in (adapters, cli, views, wiring):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
for name in ("google.cloud.run_v2", "google.cloud.logging", "httpx", "stamina", "websockets.asyncio.client"):
    importlib.import_module(name)
