"""Everything the service answers: the page, its configuration and its health."""

from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from .edge import Edge

VERSION = "1.0.0"
PAGE = Path(__file__).with_name("page.html")


def assemble(environ: Mapping[str, str]) -> Edge:
    """The application an ASGI server serves, for one instance."""
    revision = environ.get("K_REVISION", "local")
    names = {"service": environ.get("K_SERVICE", "frontend"), "version": VERSION, "revision": revision}
    configuration = {
        "api_base": "/api",
        "websocket_path": "/ws",
        "environment": environ.get("ENVIRONMENT", "local"),
        **names,
    }
    return Edge(Starlette(routes=routes(names, configuration)), revision)


def routes(names: dict[str, str], configuration: dict[str, str]) -> list[Route]:
    page = PAGE.read_text(encoding="utf-8")

    async def index(_: Request) -> HTMLResponse:
        return HTMLResponse(page)

    async def config(_: Request) -> JSONResponse:
        return JSONResponse(configuration)

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "healthy", **names})

    return [Route("/", index), Route("/config.json", config), Route("/health", health)]
