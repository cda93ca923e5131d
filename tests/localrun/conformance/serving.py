"""What Cloud Run says of how revisions, instances and jobs come, serve and go."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.localrun.cloud import PLACE, Cloud, Document, is_alive, service_body, to_revision, until
from tests.localrun.conformance.case import CONTRACT, DOCS, RUN, SPEC, case
from tests.localrun.conformance.world import World, instances_of
from tests.localrun.jobs import condition, create_job, ended, execute, job_body, lines, tasks_of

NEVER_UP = {
    "env": [{"name": "DEAF", "value": "1"}],
    "startupProbe": {"tcpSocket": {}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 1},
}


@case("startup", f"{DOCS}: Container health checks")
def startup_default(world: World) -> None:
    """A container is asked by TCP whether it listens, and has four minutes."""
    [container] = world.cloud.service("plain")["template"]["containers"]
    expected = {"timeoutSeconds": 240, "periodSeconds": 240, "failureThreshold": 1, "tcpSocket": {"port": 8080}}
    assert {key: container["startupProbe"][key] for key in expected} == expected


@case("startup", f"{CONTRACT}: Deployment probe")
def startup_fails(world: World) -> None:
    """A container that does not get ready should fail its revision."""
    error = world.create(NEVER_UP)["error"]["message"]
    assert "failed to start and listen on the port defined provided by the PORT=8080" in error


@case("rollout", f"{DOCS}: Deploying container images")
def failed_rollout(world: World) -> None:
    """A revision that fails leaves the traffic with the one that served before."""
    uri = world.deploy(revision=f"{world.name}-one")
    broken = world.body(revision=f"{world.name}-two", env={"CRASH": "1"})
    assert "error" in world.cloud.finish(world.cloud.patch(world.name, broken))
    assert world.cloud.http.get(uri).json()["revision"] == f"{world.name}-one"


@case("termination", f"{CONTRACT}: Lifecycle; {RUN}")
def asked_to_end(world: World) -> None:
    """A container is sent SIGTERM to end in an orderly way."""
    world.deploy()
    world.cloud.delete(world.name)
    query = f'resource.labels.service_name="{world.name}" log_id("run.googleapis.com/stdout")'
    assert [entry["textPayload"] for entry in world.cloud.entries(query)] == ["goodbye"]


@case("termination", f"{CONTRACT}: Lifecycle; {RUN}")
def killed(world: World) -> None:
    """A container that has not ended when its ten seconds are over is sent SIGKILL.

    The shared server gives one second of grace.
    """
    world.deploy(env={"STUBBORN": "1"})
    stubborn = world.instance(world.name)["pid"]
    world.cloud.delete(world.name)
    assert not is_alive(stubborn)
    exits = world.cloud.entries(f'resource.labels.service_name="{world.name}" textPayload:"Container called exit"')
    assert [entry["textPayload"] for entry in exits] == ["Container called exit(137)."]


@case("request", f"{DOCS}: Troubleshooting")
def instance_dies(world: World) -> None:
    """A request whose instance dies is answered 503."""
    uri = world.deploy()
    answer = world.cloud.http.get(f"{uri}/die")
    assert (answer.status_code, answer.text) == (503, "upstream connect error or disconnect before headers")


@case("restart", f"{SPEC}: Request Routing")
def instance_comes_back(world: World) -> None:
    """A request is held until an instance is up, which is started if needed."""
    uri = world.deploy()
    first = world.instance(world.name)["pid"]
    os.kill(first, signal.SIGKILL)
    until(lambda: instances_of(world.cloud, world.name) == [], "it is gone")
    assert world.cloud.http.get(uri).status_code == 200
    assert world.instance(world.name)["pid"] != first


@case("traffic", f"{CONTRACT}: Deployment probe; {DOCS}: Using tags")
def tag_at_zero(world: World) -> None:
    """A revision without traffic should be started when deployed, and is had at its tag only.

    The second revision never gets a request before its tag does, and is up nevertheless.
    """
    one, two = f"{world.name}-one", f"{world.name}-two"
    uri = world.deploy(revision=one)
    traffic = [to_revision(one, 100), to_revision(two, 0, "candidate")]
    made = world.cloud.deploy(world.name, world.body(revision=two, env={"A": "1"}) | {"traffic": traffic})
    assert len(world.cloud.instances(world.name)[two]) == 1
    assert {world.cloud.http.get(uri).json()["revision"] for _ in range(20)} == {one}
    assert world.cloud.http.get(made["trafficStatuses"][1]["uri"]).json()["revision"] == two


@case(
    "traffic",
    f"{DOCS}: Instance autoscaling",
    "a revision without traffic and tag has its idle instances stopped at once; "
    "the service's maximum holds for each revision",
)
def without_traffic(world: World) -> None:
    """A revision without traffic keeps idle instances for up to 15 minutes, and shares the service's maximum."""
    world.deploy(revision=f"{world.name}-one")
    world.deploy(revision=f"{world.name}-two", env={"A": "1"})
    until(lambda: world.cloud.instances(world.name)[f"{world.name}-one"] == [], "the old revision has no instance")


def on_second(cloud: Cloud, name: str, **template: Any) -> str:
    """The address of a service on the second server."""
    return str(cloud.deploy(name, service_body("local/echo", **template))["uri"])


@case("scaling", f"{DOCS}: Maximum instances")
def at_capacity(world: World) -> None:
    """A request is answered 429 when no instance gets free in time and no more may start."""
    cloud = world.second()
    uri = on_second(cloud, world.name, maxInstanceRequestConcurrency=1, scaling={"maxInstanceCount": 1})
    gate = world.folder / "gate"
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(cloud.http.get, f"{uri}/hold", params={"until": str(gate)})
        until(lambda: [one["in_flight"] for one in instances_of(cloud, world.name)] == [1], "the instance is full")
        refused = cloud.http.get(uri)
        gate.touch()
    assert (refused.status_code, refused.text, held.result().status_code) == (429, "Rate exceeded.", 200)


@case("scaling", f"{DOCS}: Maximum instances")
def waits_its_turn(world: World) -> None:
    """A request waits for an instance when all are full and no more may start."""
    uri = world.deploy(maxInstanceRequestConcurrency=1, scaling={"maxInstanceCount": 1})
    gate = world.folder / "gate"
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(world.cloud.http.get, f"{uri}/hold", params={"until": str(gate)}) for _ in range(2)]
        until(
            lambda: [one["in_flight"] for one in instances_of(world.cloud, world.name)] == [1], "the instance is full"
        )
        gate.touch()
    first, second = (one.result().json() for one in asked)
    assert (first["pid"], first["at_once"]) == (second["pid"], 1)


@case("scaling", f"{DOCS}: Instance autoscaling")
def scale_to_zero(world: World) -> None:
    """Idle instances are stopped, to the last one, and the next request starts one."""
    cloud = world.second()
    uri = on_second(cloud, world.name)
    until(lambda: instances_of(cloud, world.name) == [], "the idle instance is stopped")
    assert cloud.http.get(uri).status_code == 200


@case("scaling", f"{DOCS}: Instance autoscaling", "after a restart instances start at the first request")
def after_a_restart(world: World) -> None:
    """Instances are kept, whatever becomes of the control plane."""
    cloud = world.second()
    assert instances_of(cloud, "kept") == []
    assert cloud.http.get(cloud.service("kept")["uri"]).json()["revision"] == "kept-one"


def job(world: World, script: str, **task: Any) -> Document:
    """The execution of a job of the check's own, which is gone afterwards."""
    create_job(world.cloud, world.name, job_body(world.image, script, **task))
    execution = execute(world.cloud, world.name)
    seen = execution | {"tasks": tasks_of(world.cloud, execution), "lines": sorted(lines(world.cloud, execution))}
    world.cloud.finish(world.cloud.http.delete(f"/v2/{PLACE}/jobs/{world.name}"))
    return seen


@case("jobs", RUN)
def job_variables(world: World) -> None:
    """A task is told its job, its index, how many there are and which attempt it is."""
    script = "echo $CLOUD_RUN_JOB $CLOUD_RUN_TASK_INDEX of $CLOUD_RUN_TASK_COUNT, $CLOUD_RUN_TASK_ATTEMPT"
    assert job(world, script, tasks=2)["lines"] == [f"{world.name} {index} of 2, 0" for index in (0, 1)]


@case("jobs", f"{DOCS}: Creating jobs")
def job_defaults(world: World) -> None:
    """A task is tried again three times and has ten minutes, unless said otherwise."""
    seen = job(world, 'test "$CLOUD_RUN_TASK_ATTEMPT" = 3')
    assert (seen["succeededCount"], seen["retriedCount"]) == (1, 3)
    assert (seen["template"]["maxRetries"], seen["template"]["timeout"]) == (3, "600s")


@case("jobs", RUN)
def job_fails(world: World) -> None:
    """A task whose container exits with another code than 0 has failed."""
    seen = job(world, "exit 3", maxRetries=0)
    assert (seen["failedCount"], seen["tasks"][0]["lastAttemptResult"]["exitCode"]) == (1, 3)


@case(
    "jobs",
    f"{DOCS}: Executing jobs",
    "a task of a job that dies with the server counts as a failed attempt; at most 100 tasks run at once",
)
def job_of_a_killed_server(world: World) -> None:
    """A task goes on, whatever becomes of the control plane."""
    cloud = world.second()
    [execution] = cloud.get(f"/v2/{PLACE}/jobs/once/executions")["executions"]
    message = condition(ended(cloud, execution["name"]))["message"]
    assert message.endswith("The server ended while the task was running.")
