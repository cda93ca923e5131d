"""The ways a revision can fail, with the codes and sentences of Cloud Run as public deploy logs show them."""

from netra_loop.localrun.services.model import Code, Failure, Reason, Revision


def image_missing(revision: Revision) -> Failure:
    message = f"{_not_ready(revision)} Image '{revision.image}' not found."
    return Failure(Code.NOT_FOUND, message, Reason.CONTAINER_MISSING)


def image_hint(revision: Revision) -> str:
    """What to do about an image that is missing; only the log tells, as the sentences of failures are Cloud Run's."""
    return (
        f"Image '{revision.image}' not found. There is no registry here: make an image of a source folder with a "
        f"Procfile by 'gcloud run deploy {revision.id.service.name} --source FOLDER'."
    )


def not_started(revision: Revision) -> Failure:
    """The container ended early, or its startup probe never succeeded."""
    container = revision.template["containers"][0]
    if "httpGet" in container["startupProbe"]:
        problem = "The user-provided container failed the configured startup probe checks."
    else:
        problem = (
            "The user-provided container failed to start and listen on the port defined provided by the "
            f"PORT={container['ports'][0]['containerPort']} environment variable within the allocated timeout. This "
            "can happen when the container port is misconfigured or if the timeout is too short. The health check "
            "timeout can be extended."
        )
    message = f"{_not_ready(revision)} {problem} Logs for this revision might contain more information."
    return Failure(Code.FAILED_PRECONDITION, message, Reason.HEALTH_CHECK_CONTAINER_ERROR)


def internal(revision: Revision, error: Exception) -> Failure:
    """Not the container's fault but this machine's or ours."""
    return Failure(Code.INTERNAL, f"{_not_ready(revision)} {error}", Reason.INTERNAL)


def _not_ready(revision: Revision) -> str:
    return f"Revision '{revision.id.name}' is not ready and cannot serve traffic."
