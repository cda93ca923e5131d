"""Cloud Run's Admin API as the acts need it: the same calls for Google's and for the embedded one."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netra_loop.adapters.access.tokens import Tokens
from netra_loop.adapters.address import Address
from netra_loop.adapters.calls import Calls
from netra_loop.adapters.revisionsettings import put_settings, settings_of
from netra_loop.core.environment import Environment
from netra_loop.core.redeploy import KEY_LABEL, OUR_LABELS
from netra_loop.core.resources import Setting
from netra_loop.core.seen import Share
from netra_loop.core.target import Target

if TYPE_CHECKING:
    from google.cloud import run_v2

CALL_TIMEOUT = 15.0  # seconds for one call
_LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A service as the API shows it: what was asked of its traffic, and what is in effect.

    template: its revision template as the client has it (run_v2.RevisionTemplate). generation: it grows with every
    change that somebody asks for. pinned: traffic goes by revision name, so that a plain deploy would serve nothing.
    """

    name: str
    url: str
    wanted: tuple[Share, ...]
    effective: tuple[Share, ...]
    latest_ready: str
    reconciling: bool
    etag: str
    template: Any = field(default=None, compare=False, repr=False)
    generation: int = 0
    pinned: bool = False

    @property
    def serving(self) -> str:
        """The one revision that gets all traffic; empty while it is split or none does."""
        full = [share.revision for share in self.effective if share.percent == 100]
        return full[0] if len(full) == 1 else ""

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables and secrets that its newest template sets."""
        containers = self.template.containers if self.template else ()
        return frozenset(each.name for each in containers[0].env) if containers else frozenset()

    @property
    def settings(self) -> Mapping[str, str]:
        """What its newest template may use, in words."""
        return settings_of(self.template) if self.template else {}

    def tag_url(self, tag: str) -> str:
        """Where a tag is reached; empty while it is not in effect."""
        return next((share.url for share in self.effective if share.tag == tag), "")


@dataclass(frozen=True, slots=True)
class RevisionState:
    """A revision as the API shows it. ready: None while it is being decided; settings: what it may use, in words."""

    name: str
    labels: Mapping[str, str]
    image: str
    created: str
    ready: bool | None
    message: str
    env: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The act that made it, empty where none of ours did."""
        return self.labels.get(KEY_LABEL, "")


@dataclass(frozen=True, slots=True)
class Template:
    """What a new revision is made of. The name is ours, so that a second try makes no second revision.

    settings: what it may use, where that is to be other than what the service has.
    """

    revision: str
    image: str
    env: Mapping[str, str]
    labels: Mapping[str, str]
    settings: Mapping[Setting, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The act that it is made by."""
        return self.labels[KEY_LABEL]


class CloudRun:
    """One project and region. Every method is one blocking call, made again while the API is unavailable."""

    def __init__(
        self, environment: Environment, api_url: str = "", call: Calls | None = None, tokens: Tokens | None = None
    ) -> None:
        """api_url: the embedded Cloud Run; empty for Google's, with the credentials of this machine.

        call: how calls are made; by default refused credentials are not waited for. tokens: how services let us in.
        """
        self._tokens = tokens or Tokens()
        self.parent = f"projects/{environment.project}/locations/{environment.region}"
        self._options = client_options(api_url)
        self._call = call or Calls()
        self._services: run_v2.ServicesClient | None = None
        self._revisions: run_v2.RevisionsClient | None = None

    async def address(self, target: Target, service: ServiceState, url: str = "", revision: str = "") -> Address:
        """Where a target is asked, with what lets us in: a revision at its tag's URL, or what serves at the base URL.

        Raises NoAccess.
        """
        headers = await self._tokens.headers(target, service.url)
        return Address(url or service.url, revision or ("" if url else service.serving), service.generation, headers)

    def service(self, name: str) -> ServiceState | None:
        """The service, None when there is none of that name."""
        from google.api_core.exceptions import NotFound

        path = f"{self.parent}/services/{name}"
        try:
            found = self._call(lambda: self._service_calls().get_service(name=path, retry=None, timeout=CALL_TIMEOUT))
        except NotFound:
            return None
        return _service_state(found)

    def revision(self, service: str, name: str) -> RevisionState | None:
        """The revision, None when there is none of that name."""
        from google.api_core.exceptions import NotFound

        path = f"{self.parent}/services/{service}/revisions/{name}"
        try:
            found = self._call(lambda: self._revision_calls().get_revision(name=path, retry=None, timeout=CALL_TIMEOUT))
        except NotFound:
            return None
        return _revision_state(found)

    def lacking(self, service: str, permissions: Sequence[str]) -> tuple[str, ...]:
        """Those of the permissions that we do not have on a service, as Google's IAM says."""
        path = f"{self.parent}/services/{service}"
        asked = {"resource": path, "permissions": list(permissions)}
        calls = self._service_calls()
        told = self._call(lambda: calls.test_iam_permissions(request=asked, retry=None, timeout=CALL_TIMEOUT))
        return tuple(each for each in permissions if each not in told.permissions)

    def create(self, service: str, template: Template) -> Any:
        """Start to create a service whose first revision gets all traffic; the operation."""
        from google.cloud import run_v2

        wanted = run_v2.Service(template=_template(template, None), traffic=_traffic([Share(template.revision, 100)]))
        return self._call(
            lambda: self._service_calls().create_service(
                parent=self.parent, service=wanted, service_id=service, retry=None, timeout=CALL_TIMEOUT
            )
        )

    def add_revision(self, service: ServiceState, template: Template, traffic: Iterable[Share]) -> Any:
        """Start to add a revision under exactly this traffic; the operation. The etag guards against other writers."""
        changed = _template(template, service.template)
        return self._update(service, {"template": changed, "traffic": _traffic(traffic)})

    def shift(self, service: ServiceState, traffic: Iterable[Share]) -> Any:
        """Start to set exactly this traffic, by revision name; the operation."""
        return self._update(service, {"traffic": _traffic(traffic)})

    def untag(self, name: str, tags: Collection[str]) -> Any:
        """Start to take tags away; all else of the traffic stays, also what goes to the latest; the operation."""
        path = f"{self.parent}/services/{name}"
        found = self._call(lambda: self._service_calls().get_service(name=path, retry=None, timeout=CALL_TIMEOUT))
        lines = [line for line in found.traffic if line.percent or line.tag not in tags]
        for line in lines:
            line.tag = "" if line.tag in tags else line.tag
        return self._update(_service_state(found), {"traffic": lines})

    def finished(self, operation: Any) -> bool:
        """Whether an operation is over. Raises what the API says went wrong with it."""
        done = self._call(lambda: operation.done(retry=None))
        if done and (error := operation.exception(timeout=CALL_TIMEOUT)) is not None:
            raise error
        return bool(done)

    def _update(self, service: ServiceState, changes: dict[str, Any]) -> Any:
        from google.cloud import run_v2
        from google.protobuf.field_mask_pb2 import FieldMask

        wanted = run_v2.Service(name=f"{self.parent}/services/{service.name}", etag=service.etag, **changes)
        request = run_v2.UpdateServiceRequest(service=wanted, update_mask=FieldMask(paths=sorted(changes)))
        return self._call(
            lambda: self._service_calls().update_service(request=request, retry=None, timeout=CALL_TIMEOUT)
        )

    def _service_calls(self) -> run_v2.ServicesClient:
        from google.cloud import run_v2

        if self._services is None:
            self._services = run_v2.ServicesClient(transport="rest", **self._options)
        return self._services

    def _revision_calls(self) -> run_v2.RevisionsClient:
        from google.cloud import run_v2

        if self._revisions is None:
            self._revisions = run_v2.RevisionsClient(transport="rest", **self._options)
        return self._revisions


def client_options(api_url: str) -> dict[str, Any]:
    """The arguments of a Google client: where the embedded Cloud Run is, or the credentials for Google's own."""
    if not api_url:
        from netra_loop.adapters.credentials import PresentCredentials

        return {"credentials": PresentCredentials()}
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials

    for name in ("no_proxy", "NO_PROXY"):  # the clients ask the environment; a proxy would catch loopback
        others = [host for host in os.environ.get(name, "").split(",") if host and host not in _LOOPBACK]
        os.environ[name] = ",".join((*others, *_LOOPBACK))
    return {
        "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]
        "client_options": ClientOptions(api_endpoint=api_url),
    }


def _template(template: Template, base: run_v2.RevisionTemplate | None) -> run_v2.RevisionTemplate:
    """What a revision shall be. All that others have set and we are not told (memory, secrets, ...) stays as it is."""
    from google.cloud import run_v2

    wanted = run_v2.RevisionTemplate(base) if base else run_v2.RevisionTemplate(containers=[run_v2.Container()])
    container = wanted.containers[0]
    secret = [each for each in container.env if each.value_source and each.name not in template.env]
    literal = [run_v2.EnvVar(name=name, value=value) for name, value in sorted(template.env.items())]
    container.image, container.env = template.image, [*literal, *secret]
    wanted.revision = template.revision
    others = {name: value for name, value in wanted.labels.items() if name not in OUR_LABELS}
    wanted.labels = {**others, **template.labels}
    put_settings(wanted, template.settings)
    return wanted


def _traffic(shares: Iterable[Share]) -> list[run_v2.TrafficTarget]:
    from google.cloud import run_v2

    by_name = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
    return [run_v2.TrafficTarget(type_=by_name, revision=s.revision, percent=s.percent, tag=s.tag) for s in shares]


def _service_state(service: run_v2.Service) -> ServiceState:
    latest = _last(service.latest_ready_revision)
    return ServiceState(
        name=_last(service.name),
        url=service.uri,
        wanted=tuple(Share(_last(t.revision) or latest, t.percent, t.tag) for t in service.traffic),
        effective=tuple(Share(_last(t.revision) or latest, t.percent, t.tag, t.uri) for t in service.traffic_statuses),
        latest_ready=latest,
        reconciling=service.reconciling or service.observed_generation != service.generation,
        pinned=any(line.percent and line.revision for line in service.traffic),
        etag=service.etag,
        template=service.template,
        generation=int(service.generation),
    )


def _revision_state(revision: run_v2.Revision) -> RevisionState:
    from google.cloud import run_v2

    ready = next((condition for condition in revision.conditions if condition.type_ == "Ready"), None)
    states = {
        run_v2.Condition.State.CONDITION_SUCCEEDED: True,
        run_v2.Condition.State.CONDITION_FAILED: False,
    }
    return RevisionState(
        name=_last(revision.name),
        labels=dict(revision.labels),
        image=revision.containers[0].image if revision.containers else "",
        created=revision.create_time.isoformat().replace("+00:00", "Z") if revision.create_time else "",
        ready=states.get(ready.state) if ready is not None else None,
        message=ready.message if ready is not None else "",
        env={each.name: each.value for each in revision.containers[0].env} if revision.containers else {},
        settings=settings_of(revision),
    )


def _last(path: str) -> str:
    return path.rpartition("/")[2]
