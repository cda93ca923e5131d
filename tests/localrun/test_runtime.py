"""What a service finds when it runs: its command, its environment, and how it is asked to end."""

import json
from pathlib import Path

import httpx
import pytest

from tests.localrun.cloud import Cloud, service_body, until, write_echo_app


def test_the_environment_is_clean_and_keeps_the_runtime_contract(cloud: Cloud, echo: str, name: str) -> None:
    body = service_body(echo, revision=f"{name}-a", env={"GREETING": "hello", "LANG": "de_DE.UTF-8"})
    env = httpx.get(f"{cloud.deploy(name, body)['uri']}/env").json()
    expected = {"GREETING": "hello", "LANG": "de_DE.UTF-8", "K_SERVICE": name, "K_REVISION": f"{name}-a"}
    assert {key: env[key] for key in expected} == expected
    assert env["K_CONFIGURATION"] == name
    assert env["PORT"] == str(cloud.instances(name)[f"{name}-a"][0]["port"])
    of_the_shell = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    ours = {"PATH", "HOME", "PYTHONDONTWRITEBYTECODE", "NETRA_LOOP_LOCAL", "PORT", "K_CONFIGURATION", "cwd", "argv"}
    assert set(env) - of_the_shell - set(expected) - ours == set()


def test_it_runs_the_procfile_in_the_image_and_never_in_the_source(cloud: Cloud, echo: str, name: str) -> None:
    env = httpx.get(f"{cloud.deploy(name, service_body(echo))['uri']}/env").json()
    assert Path(env["cwd"]) == cloud.home / "images" / echo.rpartition(":")[2]
    assert json.loads(env["argv"]) == ["--port-was", env["PORT"]]


def test_arguments_are_added_to_the_procfiles_command(cloud: Cloud, echo: str, name: str) -> None:
    body = service_body(echo)
    body["template"]["containers"][0]["args"] = ["with a space", "$PORT"]
    env = httpx.get(f"{cloud.deploy(name, body)['uri']}/env").json()
    assert json.loads(env["argv"]) == ["--port-was", env["PORT"], "with a space", "$PORT"]


def test_a_command_replaces_the_procfiles(cloud: Cloud, echo: str, name: str) -> None:
    body = service_body(echo)
    body["template"]["containers"][0] |= {"command": ["python", "app.py"], "args": ["mine"]}
    env = httpx.get(f"{cloud.deploy(name, body)['uri']}/env").json()
    assert json.loads(env["argv"]) == ["mine"]


@pytest.mark.parametrize(("asked", "found"), [("parts", "images/*/parts"), ("", "images/*")], ids=["one", "none"])
def test_a_working_folder_is_below_the_image(cloud: Cloud, tmp_path: Path, name: str, asked: str, found: str) -> None:
    source = write_echo_app(tmp_path / "source")
    write_echo_app(source / "parts")
    body = service_body(cloud.build(source, name)["reference"])
    body["template"]["containers"][0]["workingDir"] = asked
    env = httpx.get(f"{cloud.deploy(name, body)['uri']}/env").json()
    assert Path(env["cwd"]).match(f"{cloud.home}/{found}")


def test_a_working_folder_that_is_not_there_fails_the_revision(cloud: Cloud, echo: str, name: str) -> None:
    body = service_body(echo)
    body["template"]["containers"][0]["workingDir"] = "nowhere"
    assert "No such file or directory" in cloud.finish(cloud.create(name, body))["error"]["message"]


def test_it_is_asked_to_end_before_it_is_killed(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo))
    cloud.delete(name)
    said = cloud.entries(f'resource.labels.service_name="{name}" log_id("run.googleapis.com/stdout")')
    assert [entry["textPayload"] for entry in said] == ["goodbye"]


def test_an_instance_that_crashes_is_started_again_by_the_next_request(cloud: Cloud, echo: str, name: str) -> None:
    uri = cloud.deploy(name, service_body(echo, revision=f"{name}-a"))["uri"]
    httpx.get(f"{uri}/die")
    until(lambda: cloud.instances(name)[f"{name}-a"] == [], "the instance is gone")
    assert httpx.get(uri).status_code == 200
    exits = cloud.entries(f'resource.labels.revision_name="{name}-a" AND textPayload:"Container called exit(7)"')
    assert [entry["severity"] for entry in exits] == ["WARNING"]


def test_a_service_is_deleted_with_its_doors_and_processes(cloud: Cloud, echo: str, name: str) -> None:
    uri = cloud.deploy(name, service_body(echo))["uri"]
    cloud.delete(name)
    assert cloud.instances(name) == {}
    try:
        httpx.get(uri)
    except httpx.ConnectError:
        return
    raise AssertionError("somebody still listens")
