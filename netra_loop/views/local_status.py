"""What the embedded Cloud Run runs, for a terminal."""

from __future__ import annotations

from typing import Any

from netra_loop.views.encode import visible
from netra_loop.views.table import columns


def local_status(status: dict[str, Any]) -> str:
    """The server's line, then a row a revision, then a row a backing process."""
    head = (
        f"the embedded Cloud Run answers at {status['url']}, pid {status['pid']}, since {status['started']}, "
        f"{_memory(status['memory'])}"
    )
    return "\n".join((visible(head), *_damage(status), *_services(status["services"]), *_backing(status["backing"])))


def _damage(status: dict[str, Any]) -> list[str]:
    damage = status.get("state", {}).get("damage")
    return [visible(damage)] if damage else []


def _services(services: list[dict[str, Any]]) -> list[str]:
    rows = [("SERVICE", "REVISION", "READY", "TRAFFIC", "INSTANCES", "MEMORY", "URL")]
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
                    _memory(sum(instance["memory"] for instance in revision["instances"])),
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


def armed_faults(faults: list[dict[str, Any]]) -> str:
    """A row a fault that is armed."""
    rows = [("FAULT", "SERVICE", "DELAY", "TIMES LEFT")]
    rows += [
        (fault["kind"], fault["service"] or "all", f"{fault['delay']:g} s", str(fault["left"])) for fault in faults
    ]
    return "\n".join(columns(rows)) if faults else "no fault is armed"


def _memory(count: int) -> str:
    """Bytes in MB (10^6 bytes)."""
    return f"{count / 1e6:.1f} MB"
