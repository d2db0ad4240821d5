"""What others rely on is committed, and stays what it says."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from events.contracts import CONTRACTS
from events.errors import BreakingSchemaChange
from events.schemas import file_name
from learnflow.cli import main
from learnflow.contracts import SCHEMAS, check_schemas, contract_files, differing
from tests.strategies import START, Authoring, Fact, Report, Request, value_of

ROOT = Path(__file__).parents[2]


def test_the_committed_files_are_what_the_code_says() -> None:
    assert list(differing(ROOT, contract_files())) == [], "run `make schemas`, and look at what changed"


def test_no_contract_has_changed_incompatibly() -> None:
    check_schemas(ROOT)


def test_an_incompatible_change_is_not_exported(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs/contracts", tmp_path / "docs/contracts")
    path = tmp_path / SCHEMAS / file_name(CONTRACTS[0])
    committed = json.loads(path.read_text(encoding="utf-8"))
    committed["properties"]["mood"] = {"type": "string"}
    path.write_text(json.dumps(committed), encoding="utf-8")
    with pytest.raises(BreakingSchemaChange, match="mood: was removed"):
        check_schemas(tmp_path)
    result = CliRunner().invoke(main, ["contracts", "export", "--root", str(tmp_path)])
    assert result.exit_code == 1
    assert json.loads(path.read_text(encoding="utf-8")) == committed


def test_every_event_is_valid_by_the_asyncapi_description() -> None:
    messages = contract_files()[Path("docs/contracts/asyncapi.json")]["components"]["messages"]
    facts: dict[str, Fact] = {
        "LessonRequested": Request("r-1", "ada", START, "loops", "beginner"),
        "ProgressUpdated": Report("e-1", "ada", START, "l1", 1, None, 0, ()),
        "LessonAuthored": Authoring("a-1", "ada", START, "l1", "Said anew."),
    }
    assert messages.keys() == facts.keys()
    for name, fact in facts.items():
        event = json.loads(value_of(fact))
        jsonschema.validate(event, messages[name]["payload"])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**event, "type": "other"}, messages[name]["payload"])
