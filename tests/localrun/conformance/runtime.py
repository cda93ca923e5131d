"""The areas of Knative's conformance tests of the runtime."""

import os
import socket
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import connect

from tests.localrun.cloud import until
from tests.localrun.conformance.deviations import HTTP_1, LIMITS, ONE_USER, REFUSED
from tests.localrun.conformance.world import CONTRACT, DOCS, RUN, SPEC, Case, World

OURS = {"PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE", "NETRA_LOOP_LOCAL"}
OF_THE_CONTRACT = {"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
OF_THE_SHELL = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
OF_THE_APP = {"cwd", "argv"}
LIVENESS = {"httpGet": {"path": "/health"}, "periodSeconds": 1, "failureThreshold": 1}
SOCKET = {"tcpSocket": {}, "periodSeconds": 1}


def no_limits(world: World) -> None:
    """The plain service has the usual limits of half a gigabyte and one CPU."""
    assert world.knative()["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] == "512Mi"
    theirs = Path(f"/proc/{world.instance()['pid']}")
    assert (theirs / "cgroup").read_text() == Path("/proc/self/cgroup").read_text()
    assert "Max address space         unlimited            unlimited" in (theirs / "limits").read_text()


def command_and_arguments(world: World) -> None:
    uri = world.deploy(container={"command": ["python", "app.py"], "args": ["a b", "$HOME"]})
    assert world.cloud.http.get(f"{uri}/env").json()["argv"] == '["a b", "$HOME"]'


def one_port(world: World) -> None:
    two = [{"containerPort": 8080}, {"containerPort": 8081}]
    assert "ports: a container has at most one port" in world.v1_refusal(container={"ports": two})
    with_host = [{"containerPort": 8080, "hostPort": 80}]
    assert 'Unknown name "hostPort"' in world.v1_refusal(container={"ports": with_host})


def no_hooks(world: World) -> None:
    assert 'Unknown name "lifecycle"' in world.v1_refusal(container={"lifecycle": {"preStop": {}}})


def no_sidecars(world: World) -> None:
    assert "exactly one container" in world.refusal(containers=[{"image": world.image}, {"image": world.image}])


def variables_arrive(world: World) -> None:
    odd = {"SPACED": "a b", "QUOTED": "'x'=\"y\"", "EMPTY": "", "LINES": "1\n2"}
    env = world.cloud.http.get(f"{world.deploy(env=odd)}/env").json()
    assert {name: env[name] for name in odd} == odd


def nothing_else(world: World) -> None:
    assert set(world.ask("env")) - OF_THE_SHELL - OF_THE_APP - OURS - OF_THE_CONTRACT == set()


def contract_variables(world: World) -> None:
    env = world.ask("env")
    assert (env["K_SERVICE"], env["K_CONFIGURATION"], env["K_REVISION"]) == ("plain", "plain", "plain-one")


def free_port(world: World) -> None:
    assert world.ask("env")["PORT"] == str(world.instance()["port"]) != "8080"


def reserved_names(world: World) -> None:
    variables = [{"name": name, "value": "1"} for name in ("PORT", "K_SERVICE")]
    assert "the names K_SERVICE, PORT are reserved" in world.v1_refusal(container={"env": variables})


def empty_input(world: World) -> None:
    assert world.ask("process")["input"] == ""


def output_collected(world: World) -> None:
    line = str(uuid.uuid4())
    world.ask("print", line=line)
    world.ask("print", line=line, stderr="yes")
    entries = until(lambda: len(found := world.cloud.entries(f'textPayload="{line}"')) == 2 and found, "both are there")
    assert {entry["logName"].rpartition("%2F")[2] for entry in entries} == {"stdout", "stderr"}


def scratch_files(world: World) -> None:
    assert world.ask("process")["kept"] == "kept"


def this_machines_files(world: World) -> None:
    (world.folder / "here").touch()
    assert world.ask("hold", until=str(world.folder / "here"))["at_once"] == 1


def forwarded(world: World) -> None:
    headers = world.cloud.http.get(f"{world.uri}/headers", headers={"x-forwarded-for": "203.0.113.9"}).json()
    assert headers["forwarded"] == 'for="127.0.0.1";proto=http'
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("203.0.113.9, 127.0.0.1", "http")


def headers_kept(world: World) -> None:
    sent = {"x-own": "a, b", "authorization": "Bearer t", "accept": "text/x"}
    headers = world.cloud.http.get(f"{world.uri}/headers", headers=sent).json()
    assert {name: headers[name] for name in sent} == sent
    assert headers["host"] == urlsplit(world.uri).netloc


def trace_goes_on(world: World) -> None:
    trace = uuid.uuid4().hex
    sent = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    headers = world.cloud.http.get(f"{world.uri}/headers", headers=sent).json()
    assert headers["traceparent"].split("-")[1] == headers["x-cloud-trace-context"].split("/")[0] == trace


def liveness(world: World) -> None:
    uri = world.deploy(container={"livenessProbe": LIVENESS})
    before = world.instance(world.name)["pid"]
    world.cloud.http.get(f"{uri}/sicken")
    until(
        lambda: before not in [one["pid"] for one in next(iter(world.cloud.instances(world.name).values()))],
        "the sick instance is gone",
    )


def liveness_by_tcp(world: World) -> None:
    [container] = world.checked(container={"livenessProbe": SOCKET})["containers"]
    assert container["livenessProbe"]["tcpSocket"] == {"port": 8080}


def no_readiness(world: World) -> None:
    assert "readinessProbe: the embedded Cloud Run does not support" in world.v1_refusal(
        container={"readinessProbe": SOCKET}
    )


def no_grpc_probe(world: World) -> None:
    assert "grpc: the embedded Cloud Run does not support" in world.v1_refusal(
        container={"livenessProbe": {"grpc": {}}}
    )


def streamed(world: World) -> None:
    with httpx.stream("GET", f"{world.uri}/stream", timeout=20) as answer:
        blocks = answer.iter_raw()
        assert next(blocks) == b"data: first\n\n"
        world.ask("release")
        assert b"".join(blocks) == b"data: second\n\n"


def websocket(world: World) -> None:
    with connect(world.uri.replace("http", "ws")) as socket_:
        socket_.send("one")
        assert socket_.recv(timeout=10) == "one"


def http_only(world: World) -> None:
    assert world.uri.startswith("http://127.0.0.1:")
    h2c = [{"name": "h2c", "containerPort": 8080}]
    assert "'h2c' is not supported, only 'http1' is" in world.v1_refusal(container={"ports": h2c})


def exchange(uri: str, target: str, *, half_closed: bool = False) -> bytes:
    """The answer of a service to a request as it stands, for what no client library does."""
    address = urlsplit(uri)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=20) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode())
        if half_closed:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def no_trailers(world: World) -> None:
    assert exchange(world.uri, "/trailers").endswith(b"\r\n\r\n4\r\nbody\r\n0\r\n\r\n")


def odd_clients(world: World) -> None:
    assert exchange(world.uri, f"{world.uri}/").startswith(b"HTTP/1.1 400 ")
    assert exchange(world.uri, "/slow?seconds=0.2", half_closed=True) == b""


def no_sysctls(world: World) -> None:
    assert 'Unknown name "securityContext"' in world.v1_refusal(securityContext={"sysctls": [{"name": "a.b"}]})


def no_sandbox(world: World) -> None:
    for kind in ("user", "net", "pid", "mnt"):
        theirs = Path(f"/proc/{world.instance()['pid']}/ns/{kind}")
        assert theirs.readlink() == Path(f"/proc/self/ns/{kind}").readlink()


def no_other_user(world: World) -> None:
    assert 'Unknown name "securityContext"' in world.v1_refusal(container={"securityContext": {"runAsUser": 1000}})


def our_user(world: World) -> None:
    assert world.ask("process")["uid"] == os.getuid()


def folder_of_the_image(world: World) -> None:
    assert world.ask("process")["cwd"] == str(world.cloud.home / "images" / world.image.rpartition(":")[2])


def working_folder(world: World) -> None:
    app = world.cloud.home / "images" / world.image.rpartition(":")[2] / "app.py"
    world.create({"workingDir": str(world.folder), "command": ["python", str(app)]})
    uri = world.knative(name=world.name)["status"]["url"]
    assert world.cloud.http.get(f"{uri}/process").json()["cwd"] == str(world.folder)


CASES = [
    Case("limits", "cgroup", "A container's limits of CPU and memory should be told by its control group.",
         f"{CONTRACT}: Control Groups", no_limits, LIMITS),
    Case("command", "cmd_args", "Command and arguments must replace those of the image, as they are.",
         f"{SPEC}: Container", command_and_arguments),
    Case("one-port", "container", "Only one port shall be given, and no port of the host.",
         f"{CONTRACT}: Protocols and Ports", one_port),
    Case("no-hooks", "container", "Hooks should not be configurable.", f"{CONTRACT}: Hooks", no_hooks),
    Case("sidecars", "container", "An instance may have sidecars beside the container that gets the requests.", RUN,
         no_sidecars, REFUSED),
    Case("variables-arrive", "envpropagation", "Variables must arrive as they were given.", f"{SPEC}: EnvVar",
         variables_arrive),
    Case("nothing-else", "envpropagation", "Nothing of the platform's own environment is to be seen.",
         f"{CONTRACT}: Process", nothing_else),
    Case("k-variables", "envvars", "K_SERVICE, K_CONFIGURATION and K_REVISION should be set.", f"{CONTRACT}: Process",
         contract_variables),
    Case("port", "envvars", "PORT must be the port to listen on, 8080 unless another was chosen.",
         f"{CONTRACT}: Process; {RUN}", free_port, "`PORT` is a free port, not 8080"),
    Case("reserved-names", "envvars", "Variables of the contract cannot be set by users.",
         f"{DOCS}: Environment variables", reserved_names),
    Case("empty-input", "file_descriptor", "Reading the standard input should always be at its end.",
         f"{CONTRACT}: File descriptors", empty_input),
    Case("output-collected", "file_descriptor", "Standard output and error should be collected.",
         f"{CONTRACT}: File descriptors", output_collected),
    Case("scratch-files", "filesystem", "/tmp must be there to read and write.", f"{CONTRACT}: Default Filesystems",
         scratch_files),
    Case("own-files", "filesystem", "The file system is in memory, for one instance, and ends with it.", RUN,
         this_machines_files, ONE_USER),
    Case("forwarded", "header", "Forwarded must be set; X-Forwarded-For and X-Forwarded-Proto should be.",
         f"{CONTRACT}: Headers", forwarded),
    Case("headers-kept", "header", "Host must be set, and the other headers should be those of the request.",
         f"{CONTRACT}: Headers", headers_kept),
    Case("trace", "header", "Headers that carry a trace on should be set.", f"{CONTRACT}: Headers", trace_goes_on),
    Case("liveness", "liveness_probe", "A container whose liveness probe fails is ended.",
         f"{DOCS}: Container health checks", liveness),
    Case("liveness-by-tcp", "liveness_probe", "A liveness probe asks by HTTP or gRPC.",
         f"{DOCS}: Container health checks", liveness_by_tcp, "a liveness probe may be TCP"),
    Case("grpc-probe", "liveness_probe", "A probe may ask by gRPC.", f"{DOCS}: Container health checks", no_grpc_probe,
         REFUSED),
    Case("readiness", "readiness_probe", "A container that is not ready gets no requests.",
         f"{CONTRACT}: Meta Requests", no_readiness, REFUSED),
    Case("streamed", "protocol", "Requests are carried by HTTP/1.1, and answers are streamed as they come.",
         f"{CONTRACT}: Inbound network connectivity", streamed),
    Case("websocket", "protocol", "WebSockets are carried without any setting.", f"{DOCS}: Using WebSockets",
         websocket),
    Case("https", "protocol", "Addresses begin with https, and HTTP/2 is offered.", f"{CONTRACT}: Protocols and Ports",
         http_only, HTTP_1),
    Case("trailers", "protocol", "Trailers may be carried on.", "RFC 9110: Trailer Fields",
         no_trailers, "trailers are dropped"),
    Case("odd-clients", "protocol", "A server must accept a whole URL as the target of a request.",
         "RFC 9112: absolute-form", odd_clients,
         "a service's client that closes its side after asking, or asks by a whole URL, gets no answer or 400"),
    Case("no-sysctls", "sysctl", "Parameters of the kernel should not be tunable.", f"{CONTRACT}: Sysctl", no_sysctls),
    Case("sandbox", "sysctl", "Containers run in a sandbox.", RUN, no_sandbox, ONE_USER),
    Case("no-other-user", "user", "Another user is not to be chosen at deployment.",
         f"{DOCS}: Admin API v1, SecurityContext", no_other_user),
    Case("user-of-the-image", "user", "A container runs as the user its image names.", RUN, our_user, ONE_USER),
    Case("folder-of-the-image", "workingdir", "A process begins in the folder of its image unless said otherwise.",
         f"{SPEC}: Container", folder_of_the_image),
    Case("working-folder", "workingdir", "A process must begin in workingDir.", f"{SPEC}: Container", working_folder),
]  # fmt: skip
