"""The README's table of deviations, and the rows of it that several cases stand for."""

from pathlib import Path

README = Path(__file__).parents[3] / "README.md"
HEAD = "| here | on Cloud Run | why |\n|---|---|---|\n"

LIMITS = "memory and CPU limits, IAM and ingress are accepted and not enforced"
ONE_USER = (
    "the file system is this machine's, writable with the user's rights; there is no sandbox and no metadata server"
)
REFUSED = "sidecars, volumes, secrets, VPC, Cloud SQL, readiness and gRPC probes are refused"
HTTP_1 = "`http`, HTTP/1.1"
OWN_PORTS = "a service and each tag have a loopback port of their own"
NOT_SERVED = "gRPC, multi-region, custom domains, worker pools, `jobs replace` are not served"


def reasons() -> dict[str, str]:
    """Why it is otherwise, by what is done here."""
    rows = README.read_text(encoding="utf-8").partition(HEAD)[2].partition("\n\n")[0].splitlines()
    cells = [row.removeprefix("| ").removesuffix(" |").split(" | ") for row in rows]
    return {here: why for here, _, why in cells}
