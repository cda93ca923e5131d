"""Cloud Run Admin API v2: jobs, executions and tasks over REST."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from netra_loop.localrun import clock
from netra_loop.localrun.api.http_api import Answer, ApiRequest, Route, page_document, page_of
from netra_loop.localrun.control.operations import Failed, after, done
from netra_loop.localrun.errors import already_exists, invalid
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.jobs import render as jobs_render
from netra_loop.localrun.jobs.catalog import ANY_JOB
from netra_loop.localrun.jobs.declaration import read_overrides, require_job_name
from netra_loop.localrun.jobs.jobs import Jobs
from netra_loop.localrun.jobs.model import Execution, ExecutionId, Job, JobId
from netra_loop.localrun.services.declaration import require_etag
from netra_loop.localrun.services.model import Failure, Place

JOBS = "/v2/projects/{project}/locations/{location}/jobs"


@dataclass(slots=True)
class JobsApi:
    """The handlers."""

    jobs: Jobs

    def routes(self) -> list[Route]:
        job, execution = f"{JOBS}/{{job}}", f"{JOBS}/{{job}}/executions/{{execution}}"
        return [
            Route("POST", JOBS, self.create_job, "create_job"),
            Route("GET", JOBS, self.list_jobs),
            Route("GET", job, self.get_job),
            Route("PATCH", job, self.update_job, "update_job"),
            Route("DELETE", job, self.delete_job, "delete_job"),
            Route("POST", f"{job}:run", self.run_job, "run_job"),
            Route("GET", f"{job}/executions", self.list_executions),
            Route("GET", execution, self.get_execution),
            Route("POST", f"{execution}:cancel", self.cancel_execution, "cancel_execution"),
            Route("DELETE", execution, self.delete_execution, "delete_execution"),
            Route("GET", f"{execution}/tasks", self.list_tasks),
            Route("GET", f"{execution}/tasks/{{task}}", self.get_task),
        ]

    async def create_job(self, request: ApiRequest) -> Answer:
        identity = JobId(_place(request), request.parameter("jobId"))
        require_job_name(identity.name)
        if self.jobs.catalog.find_job(identity):
            raise already_exists(f"Resource '{identity.name}' already exists.")
        return self._write(request, identity, None)

    async def update_job(self, request: ApiRequest) -> Answer:
        """The whole job is written: other than for services, the API has no update mask for jobs."""
        identity, body = _job(request), Fields(request.json())
        if request.parameter("updateMask"):
            raise invalid(
                'Invalid JSON payload received. Unknown name "updateMask": Cannot bind query parameter. '
                'Field "updateMask" could not be found in request message.'
            )
        if body.text("name", identity.path) != identity.path:
            raise invalid(f"job.name: '{body.text('name')}' is not the job of this request, '{identity.path}'")
        if self.jobs.catalog.find_job(identity) is None and request.flag("allowMissing"):
            require_job_name(identity.name)
            return self._write(request, identity, None)
        job = self.jobs.catalog.job(identity)
        require_etag(job, body.text("etag"))
        return self._write(request, identity, job)

    def _write(self, request: ApiRequest, identity: JobId, previous: Job | None) -> Answer:
        job = self.jobs.write(identity, request.json(), previous, request.flag("validateOnly"))
        document = self.jobs.job_document(job)
        return self._answer(identity, "Job", document, _written(job.problem, document))

    async def get_job(self, request: ApiRequest) -> Answer:
        return Answer(self.jobs.job_document(self.jobs.catalog.job(_job(request))))

    async def list_jobs(self, request: ApiRequest) -> Answer:
        page, token = page_of(self.jobs.catalog.jobs(_place(request)), request)
        return Answer(page_document("jobs", [self.jobs.job_document(job) for job in page], token))

    async def delete_job(self, request: ApiRequest) -> Answer:
        job = self.jobs.catalog.job(_job(request))
        require_etag(job, request.parameter("etag"))
        document = self.jobs.job_document(job)
        if request.flag("validateOnly"):
            return self._answer(job.id, "Job", document, done(document))
        document["deleteTime"] = clock.now()
        return self._answer(job.id, "Job", document, self._ended(self.jobs.remove_job(job), document))

    async def run_job(self, request: ApiRequest) -> Answer:
        job, body = self.jobs.catalog.job(_job(request)), Fields(request.json())
        body.expect_only(("name", "validateOnly", "etag", "overrides"))
        require_etag(job, body.text("etag"))
        execution, tasks = self.jobs.plan(job, read_overrides(body.document))
        if body.flag("validateOnly"):
            document = self.jobs.execution_document(execution, tasks)
            return self._answer(job.id, "Execution", document, done(document))
        return Answer(self.jobs.begin(job, execution, tasks).document(), job.id.name)

    async def list_executions(self, request: ApiRequest) -> Answer:
        """The newest first. The job `-` stands for all of them."""
        identity = _job(request)
        if identity.name != ANY_JOB:
            self.jobs.catalog.job(identity)
        newest_first = self.jobs.catalog.executions(identity)[::-1]
        page, token = page_of(newest_first, request)
        return Answer(page_document("executions", [self._document(execution) for execution in page], token))

    async def get_execution(self, request: ApiRequest) -> Answer:
        return Answer(self._document(self._execution(request)))

    async def cancel_execution(self, request: ApiRequest) -> Answer:
        execution, body = self._execution(request), Fields(request.json())
        body.expect_only(("name", "validateOnly", "etag"))
        require_etag(execution, body.text("etag"))
        job, document = execution.id.job, self._document(execution)
        if body.flag("validateOnly"):
            return self._answer(job, "Execution", document, done(document))
        operation = self.jobs.await_end(self.jobs.cancel(execution))
        return Answer(operation.document(), job.name)

    async def delete_execution(self, request: ApiRequest) -> Answer:
        execution = self._execution(request)
        require_etag(execution, request.parameter("etag"))
        job, document = execution.id.job, self._document(execution)
        if request.flag("validateOnly"):
            return self._answer(job, "Execution", document, done(document))
        document["deleteTime"] = clock.now()
        ended = self._ended([self.jobs.remove_execution(execution)], document)
        return self._answer(job, "Execution", document, ended)

    async def list_tasks(self, request: ApiRequest) -> Answer:
        execution = self._execution(request)
        page, token = page_of(self.jobs.catalog.tasks(execution.id), request)
        uri = self.jobs.log_uri(execution)
        documents = [jobs_render.task_document(task, execution, uri) for task in page]
        return Answer(page_document("tasks", documents, token))

    async def get_task(self, request: ApiRequest) -> Answer:
        execution = self._execution(request)
        task = self.jobs.catalog.task(execution.id, request.args["task"])
        return Answer(jobs_render.task_document(task, execution, self.jobs.log_uri(execution)))

    def _execution(self, request: ApiRequest) -> Execution:
        return self.jobs.catalog.execution(ExecutionId(_job(request), request.args["execution"]))

    def _document(self, execution: Execution) -> Document:
        return self.jobs.execution_document(execution, self.jobs.catalog.tasks(execution.id))

    def _answer(self, job: JobId, kind: str, document: Document, work: Coroutine[Any, Any, Document]) -> Answer:
        """The operation that does some work; in the audit it is the job's."""
        return Answer(self.jobs.operations.begin(job.place, kind, document, work).document(), job.name)

    def _ended(self, executions: list[Execution], document: Document) -> Coroutine[Any, Any, Document]:
        """Work that is done with the end of some executions."""
        return after(asyncio.gather(*(self.jobs.runner.end_of(execution) for execution in executions)), document)


async def _written(problem: Failure | None, document: Document) -> Document:
    if problem is not None:
        raise Failed(problem)
    return document


def _place(request: ApiRequest) -> Place:
    return Place(request.args["project"], request.args["location"])


def _job(request: ApiRequest) -> JobId:
    return JobId(_place(request), request.args["job"])
