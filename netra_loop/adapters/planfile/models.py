"""What each mapping of the YAML files may hold: one flat model a mapping. What hangs below has its own model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from netra_loop.adapters.planfile import servicevalues, values
from netra_loop.adapters.planfile.yamldocument import Scalar
from netra_loop.core.environment import Deployer, RemedyMode, UserMode
from netra_loop.core.gate import GateMode, Tolerance
from netra_loop.core.knowledge import Derivation, RemedyKind
from netra_loop.core.plan import Network, Precheck, ResumeClass, SuiteRunner, When
from netra_loop.core.promotion import Strategy
from netra_loop.core.resources import Setting
from netra_loop.core.target import AccessKind
from netra_loop.core.target import Scalar as JsonScalar

Line = Annotated[str, PlainValidator(values.line)]
Name = Annotated[str, PlainValidator(values.name)]
Id = Annotated[str, PlainValidator(values.identifier)]
Flag = Annotated[bool, PlainValidator(values.flag)]
Duration = Annotated[float, PlainValidator(values.duration)]
Words = Annotated[tuple[str, ...], PlainValidator(values.words)]
Lines = tuple[Line, ...]
Ids = tuple[Id, ...]
HttpPath = Annotated[str, PlainValidator(servicevalues.http_path)]
ContentType = Annotated[str, PlainValidator(servicevalues.content_type)]
Pointer = Annotated[str, PlainValidator(servicevalues.pointer_text)]
Pattern = Annotated[str, PlainValidator(values.pattern)]
PatternWithGroup = Annotated[str, PlainValidator(values.pattern_with_group)]
ServiceVariable = Annotated[str, PlainValidator(servicevalues.service_variable_text)]
Expected = Annotated[
    dict[
        Annotated[str, AfterValidator(servicevalues.pointer)],
        Annotated[JsonScalar, PlainValidator(servicevalues.json_scalar)],
    ],
    BeforeValidator(values.without_extensions),
]
ServiceVariables = Annotated[
    dict[
        Annotated[str, AfterValidator(servicevalues.service_variable)],
        Annotated[str | None, PlainValidator(values.written_or_nothing)],
    ],
    BeforeValidator(values.without_extensions),
]
SuiteVariables = Annotated[
    dict[
        Annotated[str, AfterValidator(servicevalues.variable)],
        Annotated[str | None, PlainValidator(values.written_or_nothing)],
    ],
    BeforeValidator(values.without_extensions),
]
Timeouts = Annotated[
    dict[Annotated[str, AfterValidator(servicevalues.timeout_name)], Duration],
    BeforeValidator(values.without_extensions),
]
RemedyModes = Annotated[
    dict[
        Annotated[str, AfterValidator(servicevalues.remedy_kind)],
        Annotated[RemedyMode, PlainValidator(values.member_of(RemedyMode))],
    ],
    BeforeValidator(values.without_extensions),
]
Count = Annotated[int, PlainValidator(values.whole(0, 1_000_000))]
PositiveCount = Annotated[int, PlainValidator(values.whole(1, 1_000_000))]
Mappings = Annotated[object, PlainValidator(values.mapping)]
SomeMappings = Annotated[object, PlainValidator(values.some_mapping)]
Items = Annotated[object, PlainValidator(values.items)]
SomeItems = Annotated[object, PlainValidator(values.some_items)]

_SOMETHING = Scalar("something", plain=True)


class Model(BaseModel):
    """Keys without a default must be there; keys that are not fields are refused.

    `stand_ins` take the place of keys that are missing or wrong, so that the rest of a mapping can still be checked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    stand_ins: ClassVar[Mapping[str, object]] = {}


class PlanModel(Model):
    version: Annotated[int, PlainValidator(values.whole(1, 1))]
    name: Name
    environment: Annotated[str, PlainValidator(values.environment_name)]
    budget: object = None
    promote: object = None
    phases: SomeItems


class BudgetModel(Model):
    wall: Duration = 8 * 3600.0
    iterations: Annotated[int, PlainValidator(values.whole(1, 100))] = 1
    remedies: Annotated[int, PlainValidator(values.whole(0, 100))] = 10
    agent: Annotated[int, PlainValidator(values.whole(0, 100))] = 3


class PromotionModel(Model):
    strategy: Annotated[Strategy, PlainValidator(values.member_of(Strategy))] = Strategy.CANDIDATE
    stages: Annotated[tuple[int, ...], PlainValidator(values.stages)] = (10, 50)
    hold: Duration = 10.0
    samples: PositiveCount = 10


class PhaseModel(Model):
    stand_ins = {"id": _SOMETHING, "steps": [_SOMETHING]}

    id: Id
    title: Name = ""
    needs: Lines = ()
    when: Annotated[When, PlainValidator(values.member_of(When))] = When.PASSED
    required: Flag = True
    focus: Ids = ()
    on_fail: Annotated[str, PlainValidator(values.one_of("stop", "continue"))] = "stop"
    steps: SomeItems


class StepModel(Model):
    stand_ins = {"id": _SOMETHING}

    id: Id
    deploy: Words = ()
    promote: Words = ()
    health: Words = ()
    websocket: Words = ()
    suite: Words = ()
    control: Words = ()
    run: Annotated[tuple[str, ...], PlainValidator(values.argv)] = ()
    irreversible: Flag = False
    logs: Words = ()
    compliance: Name = ""
    timeout: Annotated[float | None, PlainValidator(values.duration)] = None
    focus: Ids = ()
    strategy: Annotated[Strategy | None, PlainValidator(values.member_of(Strategy))] = None
    before: tuple[Annotated[Precheck, PlainValidator(values.member_of(Precheck))], ...] | None = None
    redeploy: Flag | None = None
    resume: Annotated[ResumeClass | None, PlainValidator(values.member_of(ResumeClass))] = Field(None, alias="class")
    gate: object = None


class GateModel(Model):
    allowed_failures: Annotated[Tolerance | None, PlainValidator(values.tolerance)] = None
    min_tests: PositiveCount = 1
    max_skipped: Count = 0
    min_duration: Duration = 0.0
    proof: Annotated[str, PlainValidator(values.one_of("proven"))] = "proven"  # every gate asks for it, none for less
    mode: Annotated[GateMode, PlainValidator(values.member_of(GateMode))] = GateMode.ENFORCE


class EnvironmentModel(Model):
    endpoint: Annotated[str, PlainValidator(values.one_of("google", "embedded"))]
    project: Name
    region: Id
    services: SomeMappings
    remedies: Annotated[RemedyMode, PlainValidator(values.member_of(RemedyMode))] = RemedyMode.OFF
    remedy_modes: RemedyModes = Field(default_factory=dict)
    protect: Words = ()
    deployer: Annotated[Deployer, PlainValidator(values.member_of(Deployer))] = Deployer.AUTO
    users: object = None
    timeouts: Timeouts = Field(default_factory=dict)
    diagnose: object = None
    compliance: object = None
    agent: object = None


class ProgramModel(Model):
    command: Annotated[tuple[str, ...], PlainValidator(values.argv)]
    timeout: Annotated[float | None, PlainValidator(values.duration)] = None
    env: SuiteVariables = Field(default_factory=dict)


class ComplianceModel(Model):
    stand_ins = {
        "command": [_SOMETHING],
        "mode": _SOMETHING,
        "files": Scalar("(x)", plain=True),
        "violations": Scalar("(x)", plain=True),
    }

    command: Annotated[tuple[str, ...], PlainValidator(values.argv)]
    mode: Name
    files: PatternWithGroup
    violations: PatternWithGroup
    listed: PatternWithGroup = ""
    timeout: Duration = 60.0


class UsersModel(Model):
    pool: Annotated[tuple[Annotated[str, PlainValidator(values.word)], ...], BeforeValidator(values.some_items)]
    mode: Annotated[UserMode, PlainValidator(values.member_of(UserMode))] = UserMode.EXCLUSIVE


class ServiceModel(Model):
    service: Annotated[str, PlainValidator(servicevalues.cloud_run_name)] = ""
    source: Line = ""
    image: Line = ""
    env: ServiceVariables = Field(default_factory=dict)
    health: object = None
    websocket: object = None
    dependencies: Mappings = None
    identity: object = None
    auth: object = None
    peers: Mappings = None
    insecure: Flag = False
    requires: tuple[ServiceVariable, ...] = ()
    imports: tuple[Annotated[str, PlainValidator(servicevalues.module)], ...] = ()


class HealthModel(Model):
    stand_ins = {"path": Scalar("/", plain=True)}

    path: HttpPath
    status: Annotated[int, PlainValidator(values.whole(100, 599))] = 200
    expect: Expected = Field(default_factory=dict)
    content_type: ContentType = ""
    consecutive: Annotated[int, PlainValidator(values.whole(1, 100))] = 3
    interval: Duration = 0.2
    spread: Duration = 0.0
    failures: Count = 3
    deadline: Duration = 30.0
    max_p95: Annotated[float | None, PlainValidator(values.duration)] = None
    redirects: tuple[Annotated[str, PlainValidator(servicevalues.host)], ...] = ()
    endpoints: Items = Field(default_factory=list)


class EndpointModel(Model):
    stand_ins = {"path": Scalar("/", plain=True)}

    path: HttpPath
    status: Annotated[int, PlainValidator(values.whole(100, 599))] = 200
    expect: Expected = Field(default_factory=dict)
    content_type: ContentType = ""


class WebSocketModel(Model):
    path: HttpPath
    first: Expected = Field(default_factory=dict)
    send: Annotated[str, PlainValidator(servicevalues.message)] = ""
    event: Expected = Field(default_factory=dict)
    open_deadline: Duration = 5.0
    first_deadline: Duration = 5.0
    deadline: Duration = 10.0
    connections: Annotated[int, PlainValidator(values.whole(1, 1000))] = 1


class DependencyModel(Model):
    pointer: Pointer
    required: Flag = True
    address: Annotated[str, PlainValidator(servicevalues.address)] = ""
    variable: ServiceVariable = ""
    source: Line = ""


class PeerModel(Model):
    variable: ServiceVariable
    candidate: Flag = False


class AccessModel(Model):
    kind: Annotated[AccessKind, PlainValidator(values.member_of(AccessKind))]
    audience: Annotated[str, PlainValidator(values.word)] = ""
    impersonate: Annotated[str, PlainValidator(values.word)] = ""
    argv: Annotated[tuple[str, ...], PlainValidator(values.argv)] = ()


class IdentityModel(Model):
    path: HttpPath = ""
    header: Annotated[str, PlainValidator(servicevalues.header)] = ""
    pointer: Pointer = ""


class SuitesModel(Model):
    priorities: Mappings = None
    suites: Items


class PriorityModel(Model):
    tolerance: Annotated[Tolerance, PlainValidator(values.tolerance)] = Tolerance()
    value: object = None


class ValueModel(Model):
    amount: Annotated[float, PlainValidator(values.decimal(0, 1e15))]
    unit: Name
    source: Name


class SuiteModel(Model):
    """Which of python, args, paths, argv and report there must be, its runner decides."""

    stand_ins = {"id": _SOMETHING, "priority": _SOMETHING}

    id: Id
    title: Name = ""
    priority: Line
    runner: Annotated[SuiteRunner, PlainValidator(values.member_of(SuiteRunner))] = SuiteRunner.PYTEST
    network: Annotated[Network, PlainValidator(values.member_of(Network))] = Network.SHARED
    python: Line = ""
    cwd: Line = "."
    paths: Annotated[Lines, Field(min_length=1)] = ()
    argv: Annotated[tuple[str, ...], PlainValidator(values.argv)] = ()
    report: Line = ""
    args: tuple[Annotated[str, PlainValidator(values.written)], ...] = ()
    env: SuiteVariables = Field(default_factory=dict)
    declared_tests: Annotated[int | None, PlainValidator(values.whole(1, 1_000_000))] = None
    focus: Ids = ()
    targets: Lines = ()
    exclusive: Lines = ()
    value: object = None
    timeout: Duration = 600.0
    idle_timeout: Annotated[float | None, PlainValidator(values.duration)] = None


class KnowledgeModel(Model):
    causes: Items


class CauseModel(Model):
    stand_ins = {"id": _SOMETHING, "title": _SOMETHING, "whys": [_SOMETHING]}

    id: Id
    title: Name
    whys: SomeItems
    remedy: object = None


class WhyModel(Model):
    stand_ins = {"claim": _SOMETHING}

    claim: Name
    failure: Pattern = ""
    step: Pattern = ""
    check: Pattern = ""
    log: Pattern = ""
    ended: Pattern = ""
    slow_work: object = None
    dependency: Annotated[str, PlainValidator(values.one_of("down"))] = ""
    address: Annotated[str, PlainValidator(values.one_of("differs", "declared"))] = ""
    port: PatternWithGroup = ""
    contact: Annotated[str, PlainValidator(values.one_of("none"))] = ""
    users: Annotated[str, PlainValidator(values.one_of("shared"))] = ""
    passed: Annotated[str, PlainValidator(values.one_of("spared", "warm"))] = ""


class SlowWorkModel(Model):
    log: Pattern
    duration: Name
    limit: Name
    same: Name = ""


class RemedyModel(Model):
    """Which of the other keys there must be, its kind and its value decide."""

    kind: Annotated[RemedyKind, PlainValidator(values.member_of(RemedyKind))]
    value: Annotated[Derivation | None, PlainValidator(values.member_of(Derivation))] = None
    setting: Annotated[Setting | None, PlainValidator(values.member_of(Setting))] = None
    most: Line = ""
    file: Line = ""
    key: Line = ""
    to: Annotated[str, PlainValidator(values.written)] = ""
    command: Annotated[tuple[str, ...], PlainValidator(values.argv)] = ()
    variable: ServiceVariable = ""
    headroom: Annotated[float, PlainValidator(values.decimal(1, 10))] = 1.0
    cap: Annotated[float | None, PlainValidator(values.duration)] = None
