"""Cloud Run Admin API v1: jobs, executions and tasks over REST, as gcloud asks for them."""

from dataclasses import dataclass

from netra_loop.localrun.api import jobs_knative_render as render
from netra_loop.localrun.api.http_api import Answer, ApiRequest, Route
from netra_loop.localrun.api.jobs_knative_read import read_v1_job, read_v1_overrides
from netra_loop.localrun.api.v1 import listed, place, region
from netra_loop.localrun.errors import already_exists
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.jobs.catalog import ANY_JOB
from netra_loop.localrun.jobs.declaration import read_overrides, require_job_name
from netra_loop.localrun.jobs.jobs import Jobs
from netra_loop.localrun.jobs.model import Execution, Job, JobId
from netra_loop.localrun.services.catalog import missing
from netra_loop.localrun.services.declaration import require_etag

NAMESPACE = "/apis/run.googleapis.com/v1/namespaces/{project}"
SUCCESS = {"status": "Success"}


@dataclass(slots=True)
class JobsKnative:
    """The handlers. A project is the namespace; the region is that of the host the request is for."""

    jobs: Jobs

    def routes(self) -> list[Route]:
        jobs, executions, tasks = f"{NAMESPACE}/jobs", f"{NAMESPACE}/executions", f"{NAMESPACE}/tasks"
        job, execution = f"{jobs}/{{job}}", f"{executions}/{{execution}}"
        return [
            Route("POST", jobs, self.create_job, "create_job"),
            Route("GET", jobs, self.list_jobs),
            Route("GET", job, self.get_job),
            Route("PUT", job, self.replace_job, "update_job"),
            Route("DELETE", job, self.delete_job, "delete_job"),
            Route("POST", f"{job}:run", self.run_job, "run_job"),
            Route("GET", executions, self.list_executions),
            Route("GET", execution, self.get_execution),
            Route("POST", f"{execution}:cancel", self.cancel_execution, "cancel_execution"),
            Route("DELETE", execution, self.delete_execution, "delete_execution"),
            Route("GET", tasks, self.list_tasks),
            Route("GET", f"{tasks}/{{task}}", self.get_task),
        ]

    async def create_job(self, request: ApiRequest) -> Answer:
        identity = JobId(region(request), Fields(request.json()).fields("metadata").text("name"))
        require_job_name(identity.name)
        if self.jobs.catalog.find_job(identity):
            raise already_exists(f"Resource '{identity.name}' already exists.")
        return self._write(request, identity, None)

    async def replace_job(self, request: ApiRequest) -> Answer:
        """Refused (ABORTED) when it was prepared on an older state of the job, as its `resourceVersion` tells."""
        metadata = Fields(request.json()).fields("metadata")
        job = self._job(request)
        if metadata.text("name") != job.id.name:
            raise metadata.wrong("name", f"'{metadata.text('name')}' is not the job of this request, '{job.id.name}'")
        version = metadata.text("resourceVersion")
        require_etag(job, f'"{version}"' if version else "")
        return self._write(request, job.id, job)

    def _write(self, request: ApiRequest, identity: JobId, previous: Job | None) -> Answer:
        only_check = request.parameter("dryRun") == "all"
        job = self.jobs.write(identity, read_v1_job(request.json()), previous, only_check)
        return self._about(job)

    async def get_job(self, request: ApiRequest) -> Answer:
        return self._about(self._job(request))

    async def list_jobs(self, request: ApiRequest) -> Answer:
        """Those of the region, or of all when the request is for none."""
        documents = [self._job_document(job) for job in self.jobs.catalog.jobs(place(request))]
        return listed(render.API, "Job", documents, request)

    async def delete_job(self, request: ApiRequest) -> Answer:
        job = self._job(request)
        self.jobs.remove_job(job)
        return Answer(SUCCESS, job.id.name)

    async def run_job(self, request: ApiRequest) -> Answer:
        job = self._job(request)
        execution, tasks = self.jobs.plan(job, read_overrides(read_v1_overrides(request.json())))
        self.jobs.begin(job, execution, tasks)
        return self._about_execution(execution)

    async def list_executions(self, request: ApiRequest) -> Answer:
        """The newest first."""
        documents = [self._execution_document(execution) for execution in self._executions(request)]
        return listed(render.API, "Execution", documents, request)

    async def get_execution(self, request: ApiRequest) -> Answer:
        return self._about_execution(self._execution(request))

    async def cancel_execution(self, request: ApiRequest) -> Answer:
        return self._about_execution(self.jobs.cancel(self._execution(request)))

    async def delete_execution(self, request: ApiRequest) -> Answer:
        execution = self._execution(request)
        self.jobs.remove_execution(execution)
        return Answer(SUCCESS, execution.id.job.name)

    async def list_tasks(self, request: ApiRequest) -> Answer:
        documents = [document for execution in self._executions(request) for document in self._tasks(execution)]
        return listed(render.API, "Task", documents, request)

    async def get_task(self, request: ApiRequest) -> Answer:
        """The name of a task begins with that of its execution."""
        name = request.args["task"]
        execution = self._find_execution(request, name.rpartition("-")[0])
        if execution is None:
            raise missing("TASK", name, region(request))
        task = self.jobs.catalog.task(execution.id, name)
        return Answer(render.v1_task(task, execution, self.jobs.log_uri(execution)))

    def _job(self, request: ApiRequest) -> Job:
        return self.jobs.catalog.job(JobId(region(request), request.args["job"]))

    def _execution(self, request: ApiRequest) -> Execution:
        name = request.args["execution"]
        execution = self._find_execution(request, name)
        if execution is None:
            raise missing("EXECUTION", name, region(request))
        return execution

    def _find_execution(self, request: ApiRequest, name: str) -> Execution | None:
        return next((execution for execution in self._executions(request) if execution.id.name == name), None)

    def _executions(self, request: ApiRequest) -> list[Execution]:
        """Those of the place a request is for, the newest first."""
        return self.jobs.catalog.executions(JobId(place(request), ANY_JOB))[::-1]

    def _tasks(self, execution: Execution) -> list[Document]:
        uri = self.jobs.log_uri(execution)
        return [render.v1_task(task, execution, uri) for task in self.jobs.catalog.tasks(execution.id)]

    def _about(self, job: Job) -> Answer:
        return Answer(self._job_document(job), job.id.name)

    def _job_document(self, job: Job) -> Document:
        return render.v1_job(job, self.jobs.latest(job))

    def _about_execution(self, execution: Execution) -> Answer:
        return Answer(self._execution_document(execution), execution.id.job.name)

    def _execution_document(self, execution: Execution) -> Document:
        job, tasks = self.jobs.catalog.job(execution.id.job), self.jobs.catalog.tasks(execution.id)
        return render.v1_execution(execution, tasks, job, self.jobs.log_uri(execution))
