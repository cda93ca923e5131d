"""The areas of Knative's conformance tests of the runtime, and what Cloud Run's own contract adds."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from websockets.sync.client import connect

from tests.localrun.cloud import until
from tests.localrun.conformance.world import Case, World
from tests.localrun.jobs import create_job, execute, job_body, lines

SPEC = "Knative runtime contract"
RUN = "Cloud Run container runtime contract"
ONE_USER = (
    "the file system is this machine's, writable with the user's rights; there is no sandbox and no metadata server"
)
LIMITS = "memory and CPU limits, IAM and ingress are accepted and not enforced"
REFUSED = "sidecars, volumes, secrets, VPC, Cloud SQL, readiness and gRPC probes are refused"
LIVENESS = {"httpGet": {"path": "/health"}, "periodSeconds": 1, "failureThreshold": 1}


def cgroup(world: World) -> None:
    world.deploy(container={"resources": {"limits": {"memory": "128Mi"}}})
    (instance,) = next(iter(world.cloud.instances(world.name).values()))
    ours, theirs = (Path(f"/proc/{pid}/cgroup").read_text() for pid in (os.getpid(), instance["pid"]))
    assert ours == theirs


def cmd_args(world: World) -> None:
    assert world.ask("env", container={"command": ["python", "app.py"], "args": ["a b"]})["argv"] == '["a b"]'


def container(world: World) -> None:
    two = [{"image": world.image}, {"image": world.image}]
    assert "exactly one container" in world.refusal(containers=two)


def env_propagation(world: World) -> None:
    assert world.ask("env", env={"SPACED": "a b", "QUOTED": "'x'=\"y\""})["QUOTED"] == "'x'=\"y\""


def env_vars(world: World) -> None:
    env = world.ask("env", revision=f"{world.name}-one")
    wanted = {"K_SERVICE": world.name, "K_CONFIGURATION": world.name, "K_REVISION": f"{world.name}-one"}
    assert {name: env[name] for name in wanted} == wanted


def free_port(world: World) -> None:
    env = world.ask("env")
    (instance,) = next(iter(world.cloud.instances(world.name).values()))
    assert env["PORT"] == str(instance["port"]) != "8080"


def reserved_names(world: World) -> None:
    assert "the names K_SERVICE, PORT are reserved" in world.refusal(
        container={"env": [{"name": name, "value": "1"} for name in ("PORT", "K_SERVICE")]}
    )


def file_descriptor(world: World) -> None:
    assert world.ask("process")["input"] == ""


def filesystem(world: World) -> None:
    assert world.ask("process")["kept"] == "kept"


def header(world: World) -> None:
    headers = world.ask("headers")
    assert headers["forwarded"] == 'for="127.0.0.1";proto=http'
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["traceparent"].split("-")[1] == headers["x-cloud-trace-context"].split("/")[0]


def liveness_probe(world: World) -> None:
    uri = world.deploy(container={"livenessProbe": LIVENESS})
    before = next(iter(world.cloud.instances(world.name).values()))[0]["pid"]
    world.cloud.http.get(f"{uri}/sicken")
    until(
        lambda: before not in [one["pid"] for one in next(iter(world.cloud.instances(world.name).values()))],
        "the sick instance is gone",
    )


def readiness_probe(world: World) -> None:
    assert "readinessProbe: the embedded Cloud Run does not support" in world.refusal(
        container={"readinessProbe": {"httpGet": {"path": "/"}}}
    )


def startup_probe(world: World) -> None:
    message = world.failure(env={"DEAF": "1"}, containers=[_never_up(world)])
    assert "failed to start and listen on the port defined provided by the PORT=8080" in message


def _never_up(world: World) -> dict[str, object]:
    probe = {"tcpSocket": {}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 1}
    return {"image": world.image, "env": [{"name": "DEAF", "value": "1"}], "startupProbe": probe}


def protocol(world: World) -> None:
    uri = world.deploy()
    with httpx.stream("GET", f"{uri}/stream") as answer:
        blocks = answer.iter_raw()
        assert next(blocks) == b"data: first\n\n"
        world.cloud.http.get(f"{uri}/release")
        assert b"".join(blocks) == b"data: second\n\n"


def http_only(world: World) -> None:
    assert world.deploy().startswith("http://127.0.0.1:")


def sysctl(world: World) -> None:
    name = world.ask("env")["K_REVISION"]
    (instance,) = world.cloud.instances(world.name)[name]
    assert Path(f"/proc/{instance['pid']}/ns/user").readlink() == Path("/proc/self/ns/user").readlink()


def user(world: World) -> None:
    assert world.ask("process")["uid"] == os.getuid()


def working_directory(world: World) -> None:
    assert world.ask("process")["cwd"] == str(world.cloud.home / "images" / world.image.rpartition(":")[2])


def jobs(world: World) -> None:
    body = job_body(world.image, "echo $CLOUD_RUN_TASK_INDEX of $CLOUD_RUN_TASK_COUNT")
    body["template"]["taskCount"] = 2
    create_job(world.cloud, world.name, body)
    assert sorted(lines(world.cloud, execute(world.cloud, world.name))) == ["0 of 2", "1 of 2"]
    world.cloud.finish(world.cloud.http.delete(f"/v2/projects/demo/locations/europe-west1/jobs/{world.name}"))


def failed_rollout(world: World) -> None:
    world.deploy(revision=f"{world.name}-one")
    broken = {"template": {"containers": [_never_up(world)], "revision": f"{world.name}-two"}}
    assert "error" in world.cloud.finish(world.cloud.patch(world.name, broken))
    assert world.cloud.http.get(world.cloud.service(world.name)["uri"]).json()["revision"] == f"{world.name}-one"


def termination(world: World) -> None:
    world.deploy()
    world.cloud.delete(world.name)
    query = f'resource.labels.service_name="{world.name}" log_id("run.googleapis.com/stdout")'
    assert [entry["textPayload"] for entry in world.cloud.entries(query)] == ["goodbye"]


def kill(world: World) -> None:
    world.deploy(env={"STUBBORN": "1"})
    world.cloud.delete(world.name)
    query = f'resource.labels.service_name="{world.name}" textPayload:"Container called exit"'
    assert [entry["textPayload"] for entry in world.cloud.entries(query)] == ["Container called exit(137)."]


def websocket(world: World) -> None:
    with connect(world.deploy().replace("http", "ws", 1)) as connection:
        connection.send("hello")
        assert connection.recv() == "hello"


def concurrency(world: World) -> None:
    uri = world.deploy(maxInstanceRequestConcurrency=1)
    gate = world.cloud.home / f"gate-{world.name}"
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(world.cloud.http.get, f"{uri}/hold", params={"until": str(gate)}) for _ in range(2)]
        until(lambda: len(next(iter(world.cloud.instances(world.name).values()))) == 2, "a second instance is up")
        gate.touch()
        answers = [one.result().json() for one in held]
    assert (len({one["pid"] for one in answers}), [one["at_once"] for one in answers]) == (2, [1, 1])


def most_instances(world: World) -> None:
    uri = world.deploy(maxInstanceRequestConcurrency=1, scaling={"maxInstanceCount": 1})
    gate = world.cloud.home / f"gate-{world.name}"
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(world.cloud.http.get, f"{uri}/hold", params={"until": str(gate)}) for _ in range(2)]
        until(
            lambda: any(one["in_flight"] for one in next(iter(world.cloud.instances(world.name).values()))),
            "one is busy",
        )
        gate.touch()
        answers = [one.result().json() for one in held]
    assert (len({one["pid"] for one in answers}), [one["at_once"] for one in answers]) == (1, [1, 1])


def metadata_server(world: World) -> None:
    assert not [name for name in world.ask("env") if name.startswith(("GCE_", "GOOGLE_"))]


def instance_death(world: World) -> None:
    uri = world.deploy()
    assert world.cloud.http.get(f"{uri}/die").status_code == 503
    assert world.cloud.http.get(uri).status_code == 200


def logs(world: World) -> None:
    uri = world.deploy(revision=f"{world.name}-one")
    trace = "0af7651916cd43dd8448eb211c80319c"
    line = f'{{"severity": "ERROR", "message": "late", "logging.googleapis.com/trace": "projects/demo/traces/{trace}"}}'
    parent = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    world.cloud.http.get(f"{uri}/print", params={"line": line}, headers=parent)
    query = f'trace="projects/demo/traces/{trace}" resource.labels.service_name="{world.name}"'
    entries = until(lambda: len(found := world.cloud.entries(query)) == 2 and found, "both entries are there")
    assert {entry["severity"] for entry in entries} == {"ERROR", "INFO"}
    assert {entry["resource"]["labels"]["revision_name"] for entry in entries} == {f"{world.name}-one"}


def urls(world: World) -> None:
    uri = world.deploy()
    world.deploy(env={"A": "1"})
    assert world.cloud.service(world.name)["uri"] == uri


def iam(world: World) -> None:
    uri = world.deploy()
    assert world.cloud.http.get(uri).status_code == 200


def secrets(world: World) -> None:
    variable = {"name": "A", "valueSource": {"secretKeyRef": {"secret": "s", "version": "1"}}}
    assert "valueSource: the embedded Cloud Run does not support" in world.refusal(container={"env": [variable]})


CASES = [
    Case("cgroup", "a container is held within its limits", SPEC, cgroup, LIMITS),
    Case("cmd_args", "command and arguments replace those of the image", SPEC, cmd_args),
    Case("container", "several containers run in a revision", RUN, container, REFUSED),
    Case("envpropagation", "variables arrive as they were given", SPEC, env_propagation),
    Case("envvars", "K_SERVICE, K_CONFIGURATION and K_REVISION are set", SPEC, env_vars),
    Case("envvars", "PORT is where to listen", SPEC, free_port, "`PORT` is a free port, not 8080"),
    Case("envvars", "names of the system are refused", RUN, reserved_names),
    Case("file_descriptor", "standard input is at its end", SPEC, file_descriptor),
    Case("filesystem", "files can be written", SPEC, filesystem, ONE_USER),
    Case("header", "Forwarded is set, and the trace goes on", SPEC, header),
    Case("liveness_probe", "a container whose liveness probe fails is replaced", RUN, liveness_probe),
    Case("readiness_probe", "a container that is not ready gets no requests", RUN, readiness_probe, REFUSED),
    Case("startup", "a container that does not listen in time fails its revision", RUN, startup_probe),
    Case("protocol", "HTTP/1.1 is streamed as it comes", SPEC, protocol),
    Case("protocol", "an address begins with https", RUN, http_only, "`http`, HTTP/1.1"),
    Case("sysctl", "the kernel's settings are those of a sandbox", SPEC, sysctl, ONE_USER),
    Case("user", "a container runs as the user of its image", SPEC, user, ONE_USER),
    Case("workingdir", "a process begins in the folder of its image", SPEC, working_directory),
    Case("jobs", "a task is told its index and how many there are", RUN, jobs),
    Case("rollout", "a revision that fails leaves what served before as it is", RUN, failed_rollout),
    Case("termination", "an instance is asked to end by SIGTERM", RUN, termination),
    Case("termination", "one that does not end in time is killed", RUN, kill),
    Case("websocket", "a WebSocket is carried", RUN, websocket),
    Case("scaling", "an instance that is full gets another beside it", RUN, concurrency),
    Case("scaling", "beyond the most instances requests wait", RUN, most_instances),
    Case("metadata", "the metadata server tells who the service is", RUN, metadata_server, ONE_USER),
    Case("restart", "a request whose instance dies is answered 503, the next one starts another", RUN, instance_death),
    Case("logs", "a line of JSON and its request are joined by their trace", RUN, logs),
    Case("urls", "an address stays over deploys", RUN, urls),
    Case("iam", "who may not invoke is refused", RUN, iam, LIMITS),
    Case("secrets", "a secret becomes a variable", RUN, secrets, REFUSED),
]
