"""What the embedded Cloud Run runs, for a terminal."""

from __future__ import annotations

from typing import Any

from netra_loop.views.encode import visible
from netra_loop.views.table import columns


def local_status(status: dict[str, Any]) -> str:
    """The server's line, then a row a revision, then a row a backing process."""
    head = f"the embedded Cloud Run answers at {status['url']}, pid {status['pid']}, since {status['started']}"
    return "\n".join((visible(head), *_damage(status), *_services(status["services"]), *_backing(status["backing"])))


def _damage(status: dict[str, Any]) -> list[str]:
    damage = status.get("state", {}).get("damage")
    return [visible(damage)] if damage else []


def _services(services: list[dict[str, Any]]) -> list[str]:
    rows = [("SERVICE", "REVISION", "READY", "TRAFFIC", "INSTANCES", "URL")]
    for service in services:
        for revision in service["revisions"]:
            shares = [share for share in service["traffic"] if share["revision"] == revision["name"]]
            percent = sum(share.get("percent", 0) for share in shares)
            urls = [service["url"]] if percent else []
            urls += [share["uri"] for share in shares if share.get("tag") and share.get("uri")]
            rows.append(
                (
                    service["name"],
                    revision["name"],
                    "yes" if revision["ready"] else "no",
                    f"{percent} %",
                    str(len(revision["instances"])),
                    " ".join(urls) or "-",
                )
            )
    return columns(rows) if len(rows) > 1 else ["no service is deployed"]


def _backing(processes: list[dict[str, Any]]) -> list[str]:
    rows = [("NAME", "ADDRESS", "PID", "ALIVE")]
    for process in processes:
        alive = "yes" if process["alive"] else "no"
        rows.append((process["name"], process["address"], str(process["pid"]), alive))
    return ["", *columns(rows)] if len(rows) > 1 else []
