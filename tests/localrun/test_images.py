"""Images: the same content is the same digest, and what is run is never the live source."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from netra_loop.localrun.errors import ApiError
from netra_loop.localrun.runtime.images import Images
from tests.localrun.cloud import Cloud, service_body

NOWHERE = Path("/nonexistent")


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path / "images")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "package").mkdir(parents=True)
    (folder / "Procfile").write_text("release: migrate\nweb:   python app.py  \n")
    (folder / "app.py").write_text("print('hello')\n")
    (folder / "package" / "data.txt").write_text("data\n")
    (folder / "start.sh").write_text("#!/bin/sh\n")
    (folder / "start.sh").chmod(0o755)
    return folder


def test_an_image_holds_the_files_read_only_and_knows_its_command(images: Images, source: Path) -> None:
    image = images.build("backend", source, NOWHERE)
    assert (image.name, image.command) == ("local/backend", "python app.py")
    assert image.reference == f"local/backend@{image.digest}"
    files = {path.relative_to(image.folder): path for path in image.folder.rglob("*") if path.is_file()}
    assert set(map(str, files)) == {"Procfile", "app.py", "package/data.txt", "start.sh"}
    modes = {str(name): stat.S_IMODE(path.stat().st_mode) for name, path in files.items()}
    assert (modes["app.py"] & 0o222, modes["start.sh"]) == (0, 0o555)


def test_the_same_content_is_the_same_image_and_kept_once(images: Images, source: Path, tmp_path: Path) -> None:
    first = images.build("backend", source, NOWHERE)
    os.utime(source / "app.py", (1, 1))
    second = images.build("another", source, NOWHERE)
    assert first.digest == second.digest
    assert len([path for path in (tmp_path / "images").iterdir() if path.is_dir()]) == 1


def change_content(source: Path) -> None:
    (source / "app.py").write_text("print('bye')\n")


def change_mode(source: Path) -> None:
    (source / "app.py").chmod(0o755)


def change_name(source: Path) -> None:
    (source / "app.py").rename(source / "main.py")


def add_file(source: Path) -> None:
    (source / "empty").touch()


@pytest.mark.parametrize("change", [change_content, change_mode, change_name, add_file], ids=lambda f: f.__name__)
def test_any_change_is_another_digest(images: Images, source: Path, change: Callable[[Path], None]) -> None:
    (source / "app.py").chmod(0o644)
    before = images.build("backend", source, NOWHERE)
    change(source)
    assert images.build("backend", source, NOWHERE).digest != before.digest


def test_what_belongs_to_no_image_does_not_matter(images: Images, source: Path) -> None:
    before = images.build("backend", source, NOWHERE)
    for folder in (".git", "__pycache__", ".venv", "package/__pycache__"):
        (source / folder).mkdir()
        (source / folder / "file").touch()
    (source / "old.pyc").touch()
    (source / ".venv" / "link").symlink_to("/")
    assert images.build("backend", source, NOWHERE).digest == before.digest


def test_our_own_state_within_the_source_is_left_out(source: Path) -> None:
    images = Images(source / "images")
    first = images.build("backend", source, source / "images")
    assert images.build("backend", source, source / "images").digest == first.digest


def test_a_name_is_its_latest_build_and_a_digest_is_for_ever(images: Images, source: Path) -> None:
    first = images.build("backend", source, NOWHERE)
    change_content(source)
    second = images.build("backend", source, NOWHERE)
    assert images.resolve("local/backend") == images.resolve("local/backend:latest") == second
    assert images.resolve(first.reference) == first


@pytest.mark.parametrize(
    "reference", ["local/other", "local/backend@sha256:" + "0" * 64, "local/backend:v1", "", "@", "../.."]
)
def test_an_unknown_reference_is_no_image(images: Images, source: Path, reference: str) -> None:
    images.build("backend", source, NOWHERE)
    assert images.resolve(reference) is None


def no_folder(source: Path) -> Path:
    return source / "missing"


def a_file(source: Path) -> Path:
    return source / "app.py"


def relative(_: Path) -> Path:
    return Path("source")


def no_procfile(source: Path) -> Path:
    (source / "Procfile").unlink()
    return source


def no_web_line(source: Path) -> Path:
    (source / "Procfile").write_text("worker: python app.py\nweb:\n")
    return source


def a_link(source: Path) -> Path:
    (source / "package" / "link").symlink_to("/etc/passwd")
    return source


def a_pipe(source: Path) -> Path:
    os.mkfifo(source / "pipe")
    return source


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_folder, "source: '{}/missing' is not a directory"),
        (a_file, "source: '{}/app.py' is not a directory"),
        (relative, "source: 'source' must be an absolute path"),
        (
            no_procfile,
            "source: there is no Procfile, so nothing says how to start it; add one with a line 'web: COMMAND'",
        ),
        (no_web_line, "source: the Procfile has no 'web: COMMAND' line, so nothing says how to start it"),
        (a_link, "source: '{}/package/link' is a symbolic link; an image holds only files and folders"),
        (a_pipe, "source: '{}/pipe' is neither a file nor a folder"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_source_that_cannot_be_an_image_is_refused_and_leaves_nothing(
    images: Images, source: Path, tmp_path: Path, spoil: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(ApiError) as refusal:
        images.build("backend", spoil(source), NOWHERE)
    assert (refusal.value.code, refusal.value.message) == (400, message.format(source))
    assert list((tmp_path / "images").iterdir()) == []


@pytest.mark.parametrize("name", ["", "Upper", "../up", "a b", "a@b", "-a"])
def test_a_name_that_is_none_is_refused(images: Images, source: Path, name: str) -> None:
    with pytest.raises(ApiError, match="name: "):
        images.build(name, source, NOWHERE)


def test_a_change_of_the_source_does_not_reach_what_runs(cloud: Cloud, name: str, source: Path) -> None:
    app = (
        "import os, http.server as h\nh.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), {}).serve_forever()"
    )
    (source / "app.py").write_text(app.format("h.SimpleHTTPRequestHandler"))
    (source / "index.html").write_text("old")
    built = cloud.build(source, "page")
    assert set(built) == {"image", "digest", "reference"}
    uri = cloud.deploy(name, service_body(built["reference"]))["uri"]
    (source / "index.html").write_text("new")
    assert cloud.http.get(uri).text == "old"
    assert cloud.build(source, "page")["digest"] != built["digest"]
