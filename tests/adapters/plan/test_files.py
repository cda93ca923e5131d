"""Which files are read, and which are refused before or while they are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from netra_loop.adapters.planfile import known_environments

from .conftest import Project


def test_a_missing_plan_names_the_plans_there_are(base: Project) -> None:
    assert base.complaint(Path("phases/defualt.yaml")) == (
        "phases/defualt.yaml: error: there is no such file; "
        "did you mean 'phases/default.yaml'? known are: phases/default.yaml"
    )


def test_a_missing_environment_names_those_there_are(base: Project) -> None:
    shutil.copy(base.environment_file, base.folder / "config" / "staging.yaml")
    assert base.complaint(environment="stagign") == (
        "config/stagign.yaml: error: there is no environment 'stagign'; "
        "did you mean 'staging'? known are: local, staging"
    )


@pytest.mark.parametrize("name", ["../config/local", "/etc/passwd", "suites", "knowledge", "Local"])
def test_an_environment_is_never_looked_for_outside_its_folder(base: Project, name: str) -> None:
    (base.folder / "config" / "knowledge.yaml").write_text("causes: []\n", "utf-8")
    assert f"there is no environment '{name}'" in base.complaint(environment=name)


def test_a_missing_suite_index_is_told_together_with_other_mistakes(base: Project) -> None:
    base.suites_file.unlink()
    base.plan_file.write_text("version: 2\n", "utf-8")
    told = base.complaint()
    assert "config/suites.yaml: error: there is no such file\n" in told
    assert "phases/default.yaml:1:10: error: 'version' must be 1\n" in told


def test_a_project_without_knowledge_is_a_good_one(base: Project) -> None:
    assert not base.knowledge_file.exists()
    assert base.load().knowledge == ()
    base.knowledge_file.write_text("causes: []\n", "utf-8")
    assert base.load().knowledge == ()


def test_knowledge_that_is_there_but_cannot_be_read_is_refused(base: Project) -> None:
    base.knowledge_file.symlink_to("nowhere.yaml")
    assert base.complaint() == "config/knowledge.yaml: error: there is no such file"
    base.knowledge_file.unlink()
    base.knowledge_file.write_text("# later\n", "utf-8")
    assert base.complaint() == "config/knowledge.yaml: error: the file is empty"


def test_the_environment_given_replaces_the_one_of_the_plan(base: Project) -> None:
    changed = base.environment_file.read_text("utf-8").replace("us-central1", "europe-west1")
    (base.folder / "config" / "staging.yaml").write_text(changed, "utf-8")
    plan = base.load(environment="staging")
    assert (plan.environment.name, plan.environment.region) == ("staging", "europe-west1")
    assert base.load().environment.name == "local"


def test_a_plan_outside_the_project_is_called_by_its_whole_path(base: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "other.yaml"
    elsewhere.write_text("version: 2\n", "utf-8")
    assert base.complaint(elsewhere).startswith(f"{elsewhere}:1:1: error: missing key 'environment'")


def test_the_known_environments_are_those_that_can_be_named(base: Project) -> None:
    for name in ("staging", "knowledge", "Not An Id"):
        (base.folder / "config" / f"{name}.yaml").write_text("", "utf-8")
    assert known_environments(base.folder) == ["local", "staging"]


def test_a_project_without_configuration_knows_no_environment(tmp_path: Path) -> None:
    assert known_environments(tmp_path) == []


def test_a_pipe_is_refused_without_waiting_for_it(base: Project) -> None:
    base.plan_file.unlink()
    os.mkfifo(base.plan_file)
    assert base.complaint() == "phases/default.yaml: error: not a regular file"


def test_a_folder_is_refused(base: Project) -> None:
    base.plan_file.unlink()
    base.plan_file.mkdir()
    assert base.complaint() == "phases/default.yaml: error: not a regular file"


def test_a_device_is_refused_without_reading_it(base: Project) -> None:
    assert base.complaint(Path("/dev/zero")) == "/dev/zero: error: not a regular file"


def test_a_file_that_leads_nowhere_is_refused(base: Project) -> None:
    base.suites_file.unlink()
    base.suites_file.symlink_to(base.suites_file)
    assert base.complaint() == "config/suites.yaml: error: cannot be read: Too many levels of symbolic links"


def test_a_file_of_more_than_a_mebibyte_is_refused(base: Project) -> None:
    base.plan_file.write_text("#" * (1 << 20), "utf-8")
    assert base.complaint() == "phases/default.yaml: error: the file is empty"
    base.plan_file.write_text("#" * ((1 << 20) + 1), "utf-8")
    assert base.complaint() == "phases/default.yaml: error: larger than 1 MiB"


def test_an_empty_file_is_refused(base: Project) -> None:
    base.plan_file.write_bytes(b"")
    assert base.complaint() == "phases/default.yaml: error: the file is empty"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding_is_refused_where_it_shows(base: Project, encoding: str) -> None:
    base.plan_file.write_bytes("version: 1\nname: größe\n".encode(encoding))
    place = {"latin-1": "2:9", "utf-16": "1:1"}[encoding]
    assert base.complaint() == f"phases/default.yaml:{place}: error: not UTF-8; save the file as UTF-8"


def test_a_byte_order_mark_and_line_ends_of_windows_are_read(base: Project) -> None:
    text = base.plan_file.read_text("utf-8")
    base.plan_file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert base.load().name == "default"
    base.plan_file.write_bytes(text.replace("version: 1", "version: 2").replace("\n", "\r\n").encode())
    assert base.complaint().startswith("phases/default.yaml:1:10: error: 'version' must be 1\n    version: 2\n")


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\ufeff", "\x00", "\x1b", "\x7f", "\x85", "\u2028"]
)
@pytest.mark.parametrize("where", ["name: de{}fault", "name: default # a comm{}ent", "na{}me: default"])
def test_what_a_person_cannot_see_is_refused_even_in_a_comment(base: Project, character: str, where: str) -> None:
    line = where.format(character)
    text = base.plan_file.read_text("utf-8").replace("name: default", line)
    base.plan_file.write_text(text, "utf-8", newline="")
    message = f"2:{line.index(character) + 1}: error: invisible character U+{ord(character):04X}; remove it"
    told = base.complaint()
    assert told.startswith(f"phases/default.yaml:{message}")
    assert character not in told


def test_columns_count_characters_not_bytes(base: Project) -> None:
    base.plan_file.write_text("x-größe: {ü: &a 日本}\n", "utf-8")
    assert "phases/default.yaml:1:14: error: anchors (&a)" in base.complaint()


def test_an_endless_line_is_not_shown(base: Project) -> None:
    base.plan_file.write_text(f"x: {'y' * 10_000}\n", "utf-8")
    assert max(map(len, base.complaint().splitlines())) < 100


def test_an_unreadable_plan_does_not_hide_mistakes_elsewhere(base: Project) -> None:
    base.plan_file.write_text("{", "utf-8")
    base.environment_file.write_text("endpoint: azure\n", "utf-8")
    base.suites_file.write_text("suites: [{}]\n", "utf-8")
    told = base.complaint(environment="local")
    assert "config/local.yaml:1:11: error: 'endpoint' cannot be 'azure'" in told
    assert "config/suites.yaml:1:10: error: missing key 'id'" in told
    assert "phases/default.yaml:2:1: error: not valid YAML" in told
