"""Jobs as the v1 API writes them, translated to the words of v2: what is refused is named there as v2 names it."""

from netra_loop.localrun.fields import Document, Fields

SYSTEM = (
    "run.googleapis.com/", "cloud.googleapis.com/", "serving.knative.dev/", "autoscaling.knative.dev/",
    "client.knative.dev/",
)  # fmt: skip
CLIENT = "run.googleapis.com/client-name"
CLIENT_VERSION = "run.googleapis.com/client-version"
LAUNCH_STAGE = "run.googleapis.com/launch-stage"
EXECUTION_ENVIRONMENT = "run.googleapis.com/execution-environment"


def read_v1_job(body: Document) -> Document:
    """The v2 Job of a v1 Job. Labels and annotations of the system become fields, or are left out as ours to write."""
    job = Fields(body)
    job.expect_only(("apiVersion", "kind", "metadata", "spec", "status"))
    metadata = job.fields("metadata")
    annotations = metadata.mapping("annotations")
    document = _own_metadata(metadata) | {
        "client": annotations.get(CLIENT, ""),
        "clientVersion": annotations.get(CLIENT_VERSION, ""),
        "template": _execution_template(job.fields("spec").fields("template")),
    }
    stage = annotations.get(LAUNCH_STAGE)
    return document | ({"launchStage": stage} if stage else {})


def read_v1_overrides(body: Document) -> Document:
    """The v2 RunJobRequest of a v1 one."""
    request = Fields(body)
    request.expect_only(("overrides",))
    return {"overrides": _with_timeout(request.fields("overrides"))}


def _execution_template(template: Fields) -> Document:
    metadata, spec = template.fields("metadata"), template.fields("spec")
    task = spec.fields("template").fields("spec")
    task_template = _with_timeout(task)
    if task.has("serviceAccountName"):
        task_template["serviceAccount"] = task_template.pop("serviceAccountName")
    generation = metadata.mapping("annotations").get(EXECUTION_ENVIRONMENT)
    if generation:
        task_template["executionEnvironment"] = f"EXECUTION_ENVIRONMENT_{generation.upper()}"
    return _own_metadata(metadata) | spec.document | {"template": task_template}


def _with_timeout(fields: Fields) -> Document:
    """A document whose `timeoutSeconds`, if it has them, are a duration."""
    document = dict(fields.document)
    if document.pop("timeoutSeconds", None) is not None:
        document["timeout"] = f"{fields.number('timeoutSeconds', 0)}s"
    return document


def _own_metadata(metadata: Fields) -> Document:
    """The labels and annotations that are not the system's."""
    return {
        kind: {key: value for key, value in metadata.mapping(kind).items() if not key.startswith(SYSTEM)}
        for kind in ("labels", "annotations")
    }
