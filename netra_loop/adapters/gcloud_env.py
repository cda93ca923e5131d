"""The environment in which gcloud, unmodified, speaks to the embedded Cloud Run instead of Google."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

_APIS = ("run", "logging", "cloudresourcemanager", "artifactregistry", "cloudbuild", "serviceusage", "iam")


def gcloud_environment(url: str, project: str, region: str, config: Path) -> dict[str, str]:
    """What gcloud is to find in its environment. url: the embedded Cloud Run's; config: a folder for its settings.

    gcloud makes the host of a regional API by putting the region before the name of the host, so an address alone will
    not do: it is told plain HTTP names of Google's APIs, and that the embedded Cloud Run is its proxy. A request to
    anything else meets that proxy too and is refused, so that nothing reaches Google by mistake. Without credentials
    it asks for none and sends none.
    """
    address = urlsplit(url)
    overrides = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}": f"http://{api}.googleapis.com/" for api in _APIS}
    return {
        "CLOUDSDK_CONFIG": str(config),
        "CLOUDSDK_CORE_PROJECT": project,
        "CLOUDSDK_RUN_REGION": region,
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": str(address.hostname),
        "CLOUDSDK_PROXY_PORT": str(address.port),
        **overrides,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": "http://storage.googleapis.com/storage/v1/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API": "false",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_SURVEY_DISABLE_PROMPTS": "true",
    }
