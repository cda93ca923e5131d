"""The areas of Knative's conformance tests of the runtime."""

import os
import socket
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import connect

from tests.localrun.cloud import until
from tests.localrun.conformance.case import CONTRACT, DOCS, RUN, SPEC, case
from tests.localrun.conformance.deviations import HTTP_1, LIMITS, ONE_USER, REFUSED
from tests.localrun.conformance.world import World, instances_of

OURS = {"PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE", "NETRA_LOOP_LOCAL"}
OF_THE_CONTRACT = {"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
OF_THE_SHELL = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
OF_THE_APP = {"cwd", "argv"}
LIVENESS = {"httpGet": {"path": "/health"}, "periodSeconds": 1, "failureThreshold": 1}
SOCKET = {"tcpSocket": {}, "periodSeconds": 1}


@case("cgroup", f"{CONTRACT}: Control Groups", LIMITS)
def limits(world: World) -> None:
    """A container's limits of CPU and memory should be told by its control group.

    The plain service has the usual limits of half a gigabyte and one CPU.
    """
    assert world.knative()["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] == "512Mi"
    theirs = Path(f"/proc/{world.instance()['pid']}")
    assert (theirs / "cgroup").read_text() == Path("/proc/self/cgroup").read_text()
    assert "Max address space         unlimited            unlimited" in (theirs / "limits").read_text()


@case("cmd_args", f"{SPEC}: Container")
def command(world: World) -> None:
    """Command and arguments must replace those of the image, as they are."""
    uri = world.deploy(container={"command": ["python", "app.py"], "args": ["a b", "$HOME"]})
    assert world.cloud.http.get(f"{uri}/env").json()["argv"] == '["a b", "$HOME"]'


@case("container", f"{CONTRACT}: Protocols and Ports")
def one_port(world: World) -> None:
    """Only one port shall be given, and no port of the host."""
    two = [{"containerPort": 8080}, {"containerPort": 8081}]
    assert "ports: a container has at most one port" in world.v1_refusal(container={"ports": two})
    with_host = [{"containerPort": 8080, "hostPort": 80}]
    assert 'Unknown name "hostPort"' in world.v1_refusal(container={"ports": with_host})


@case("container", f"{CONTRACT}: Hooks")
def no_hooks(world: World) -> None:
    """Hooks should not be configurable."""
    assert 'Unknown name "lifecycle"' in world.v1_refusal(container={"lifecycle": {"preStop": {}}})


@case("container", RUN, REFUSED)
def sidecars(world: World) -> None:
    """An instance may have sidecars beside the container that gets the requests."""
    assert "exactly one container" in world.refusal(containers=[{"image": world.image}, {"image": world.image}])


@case("envpropagation", f"{SPEC}: EnvVar")
def variables_arrive(world: World) -> None:
    """Variables must arrive as they were given."""
    odd = {"SPACED": "a b", "QUOTED": "'x'=\"y\"", "EMPTY": "", "LINES": "1\n2"}
    env = world.cloud.http.get(f"{world.deploy(env=odd)}/env").json()
    assert {name: env[name] for name in odd} == odd


@case("envpropagation", f"{CONTRACT}: Process")
def nothing_else(world: World) -> None:
    """Nothing of the platform's own environment is to be seen."""
    assert set(world.ask("env")) - OF_THE_SHELL - OF_THE_APP - OURS - OF_THE_CONTRACT == set()


@case("envvars", f"{CONTRACT}: Process")
def k_variables(world: World) -> None:
    """K_SERVICE, K_CONFIGURATION and K_REVISION should be set."""
    env = world.ask("env")
    assert (env["K_SERVICE"], env["K_CONFIGURATION"], env["K_REVISION"]) == ("plain", "plain", "plain-one")


@case("envvars", f"{CONTRACT}: Process; {RUN}", "`PORT` is a free port, not 8080")
def port(world: World) -> None:
    """PORT must be the port to listen on, 8080 unless another was chosen."""
    assert world.ask("env")["PORT"] == str(world.instance()["port"]) != "8080"


@case("envvars", f"{DOCS}: Environment variables")
def reserved_names(world: World) -> None:
    """Variables of the contract cannot be set by users."""
    variables = [{"name": name, "value": "1"} for name in ("PORT", "K_SERVICE")]
    assert "the names K_SERVICE, PORT are reserved" in world.v1_refusal(container={"env": variables})


@case("file_descriptor", f"{CONTRACT}: File descriptors")
def empty_input(world: World) -> None:
    """Reading the standard input should always be at its end."""
    assert world.ask("process")["input"] == ""


@case("file_descriptor", f"{CONTRACT}: File descriptors")
def output_collected(world: World) -> None:
    """Standard output and error should be collected."""
    line = str(uuid.uuid4())
    world.ask("print", line=line)
    world.ask("print", line=line, stderr="yes")
    entries = until(lambda: len(found := world.cloud.entries(f'textPayload="{line}"')) == 2 and found, "both are there")
    assert {entry["logName"].rpartition("%2F")[2] for entry in entries} == {"stdout", "stderr"}


@case("filesystem", f"{CONTRACT}: Default Filesystems")
def scratch_files(world: World) -> None:
    """/tmp must be there to read and write."""
    assert world.ask("process")["kept"] == "kept"


@case("filesystem", RUN, ONE_USER)
def own_files(world: World) -> None:
    """The file system is in memory, for one instance, and ends with it."""
    (world.folder / "here").touch()
    assert world.ask("hold", until=str(world.folder / "here"))["at_once"] == 1


@case("header", f"{CONTRACT}: Headers")
def forwarded(world: World) -> None:
    """Forwarded must be set; X-Forwarded-For and X-Forwarded-Proto should be."""
    headers = world.cloud.http.get(f"{world.uri}/headers", headers={"x-forwarded-for": "203.0.113.9"}).json()
    assert headers["forwarded"] == 'for="127.0.0.1";proto=http'
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("203.0.113.9, 127.0.0.1", "http")


@case("header", f"{CONTRACT}: Headers")
def headers_kept(world: World) -> None:
    """Host must be set, and the other headers should be those of the request."""
    sent = {"x-own": "a, b", "authorization": "Bearer t", "accept": "text/x"}
    headers = world.cloud.http.get(f"{world.uri}/headers", headers=sent).json()
    assert {name: headers[name] for name in sent} == sent
    assert headers["host"] == urlsplit(world.uri).netloc


@case("header", f"{CONTRACT}: Headers")
def trace(world: World) -> None:
    """Headers that carry a trace on should be set."""
    trace = uuid.uuid4().hex
    sent = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    headers = world.cloud.http.get(f"{world.uri}/headers", headers=sent).json()
    assert headers["traceparent"].split("-")[1] == headers["x-cloud-trace-context"].split("/")[0] == trace


@case("liveness_probe", f"{DOCS}: Container health checks")
def liveness(world: World) -> None:
    """A container whose liveness probe fails is ended."""
    uri = world.deploy(container={"livenessProbe": LIVENESS})
    before = world.instance(world.name)["pid"]
    world.cloud.http.get(f"{uri}/sicken")
    until(
        lambda: before not in [one["pid"] for one in instances_of(world.cloud, world.name)],
        "the sick instance is gone",
    )


@case("liveness_probe", f"{DOCS}: Container health checks", "a liveness probe may be TCP")
def liveness_by_tcp(world: World) -> None:
    """A liveness probe asks by HTTP or gRPC."""
    [container] = world.checked(container={"livenessProbe": SOCKET})["containers"]
    assert container["livenessProbe"]["tcpSocket"] == {"port": 8080}


@case("readiness_probe", f"{CONTRACT}: Meta Requests", REFUSED)
def readiness(world: World) -> None:
    """A container that is not ready gets no requests."""
    assert "readinessProbe: the embedded Cloud Run does not support" in world.v1_refusal(
        container={"readinessProbe": SOCKET}
    )


@case("liveness_probe", f"{DOCS}: Container health checks", REFUSED)
def grpc_probe(world: World) -> None:
    """A probe may ask by gRPC."""
    assert "grpc: the embedded Cloud Run does not support" in world.v1_refusal(
        container={"livenessProbe": {"grpc": {}}}
    )


@case("protocol", f"{CONTRACT}: Inbound network connectivity")
def streamed(world: World) -> None:
    """Requests are carried by HTTP/1.1, and answers are streamed as they come."""
    with httpx.stream("GET", f"{world.uri}/stream", timeout=20) as answer:
        blocks = answer.iter_raw()
        assert next(blocks) == b"data: first\n\n"
        world.ask("release")
        assert b"".join(blocks) == b"data: second\n\n"


@case("protocol", f"{DOCS}: Using WebSockets")
def websocket(world: World) -> None:
    """WebSockets are carried without any setting."""
    with connect(world.uri.replace("http", "ws")) as socket_:
        socket_.send("one")
        assert socket_.recv(timeout=10) == "one"


@case("protocol", f"{CONTRACT}: Protocols and Ports", HTTP_1)
def https(world: World) -> None:
    """Addresses begin with https, and HTTP/2 is offered."""
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


@case("protocol", "RFC 9110: Trailer Fields", "trailers are dropped")
def trailers(world: World) -> None:
    """Trailers may be carried on."""
    assert exchange(world.uri, "/trailers").endswith(b"\r\n\r\n4\r\nbody\r\n0\r\n\r\n")


@case(
    "protocol",
    "RFC 9112: absolute-form",
    "a service's client that closes its side after asking, or asks by a whole URL, gets no answer or 400",
)
def odd_clients(world: World) -> None:
    """A server must accept a whole URL as the target of a request."""
    assert exchange(world.uri, f"{world.uri}/").startswith(b"HTTP/1.1 400 ")
    assert exchange(world.uri, "/slow?seconds=0.2", half_closed=True) == b""


@case("sysctl", f"{CONTRACT}: Sysctl")
def no_sysctls(world: World) -> None:
    """Parameters of the kernel should not be tunable."""
    assert 'Unknown name "securityContext"' in world.v1_refusal(securityContext={"sysctls": [{"name": "a.b"}]})


@case("sysctl", RUN, ONE_USER)
def sandbox(world: World) -> None:
    """Containers run in a sandbox."""
    for kind in ("user", "net", "pid", "mnt"):
        theirs = Path(f"/proc/{world.instance()['pid']}/ns/{kind}")
        assert theirs.readlink() == Path(f"/proc/self/ns/{kind}").readlink()


@case("user", f"{DOCS}: Admin API v1, SecurityContext")
def no_other_user(world: World) -> None:
    """Another user is not to be chosen at deployment."""
    assert 'Unknown name "securityContext"' in world.v1_refusal(container={"securityContext": {"runAsUser": 1000}})


@case("user", RUN, ONE_USER)
def user_of_the_image(world: World) -> None:
    """A container runs as the user its image names."""
    assert world.ask("process")["uid"] == os.getuid()


@case("workingdir", f"{SPEC}: Container")
def folder_of_the_image(world: World) -> None:
    """A process begins in the folder of its image unless said otherwise."""
    assert world.ask("process")["cwd"] == str(world.cloud.home / "images" / world.image.rpartition(":")[2])


@case("workingdir", f"{SPEC}: Container")
def working_folder(world: World) -> None:
    """A process must begin in workingDir."""
    app = world.cloud.home / "images" / world.image.rpartition(":")[2] / "app.py"
    world.create({"workingDir": str(world.folder), "command": ["python", str(app)]})
    uri = world.knative(name=world.name)["status"]["url"]
    assert world.cloud.http.get(f"{uri}/process").json()["cwd"] == str(world.folder)
