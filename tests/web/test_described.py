"""The API keeps to its description, whatever is asked: schemathesis asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from heliograph import web, workflow
from heliograph.web.api.openapi import description

PLACES = [(path, method) for path, given_ in description()["paths"].items() for method in given_]
HARD = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@workflow.task
def add(left: int, right: int) -> int:
    return left + right


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    storage = tmp_path_factory.mktemp("described")
    workflow.init(storage=storage, workers="threads", num_workers=1)
    for name in ("0", "a"):
        workflow.run(add.options(name="0").bind(1, 2), workflow_id=name, metadata={"team": "blue"})
    yield schemathesis.openapi.from_asgi("/api/openapi.json", web.app(storage))
    workflow.shutdown()


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("path", "method"), PLACES)
def test_every_answer_is_as_described(api: BaseSchema, path: str, method: str, mode: GenerationMode) -> None:
    @HARD
    @given(case=api[path][method.upper()].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        # A schema can't say what is a search, or a place to go on from: text that is none is refused.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    ask()


def test_what_is_there_is_answered_as_described(api: BaseSchema) -> None:
    """With values that exist: the schemas of what is found, not only of refusals."""
    known = {"id": "0", "task": "0", "a": "0", "b": "a", "name": "tests.web.test_described.add"}
    for path, method in PLACES:
        if method == "get":
            operation = api[path]["GET"]
            wanted = {one["name"] for one in description()["paths"][path]["get"]["parameters"]}
            query = {name: value for name, value in known.items() if name in wanted}
            answer = operation.Case(query=query).call_and_validate()
            assert answer.status_code == 200, path
