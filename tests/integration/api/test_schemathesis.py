"""The running API does what its OpenAPI document says: schemathesis makes requests from the document and judges the answers.

Left out is what no schema can say: which texts are phone numbers (valid bodies may be refused), and, for a batch, that each job
is judged on its own (an invalid one does not refuse the batch).
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.api_process import Api

_ST = Path(sys.executable).with_name("st")
_EXAMPLES = "40"
_PATIENCE = 300.0  # seconds


@pytest.mark.parametrize(
    ("operations", "checks"),
    [
        (("--exclude-operation-id=send_batch",), "positive_data_acceptance"),
        (
            ("--include-operation-id=send_batch", "--phases=coverage,fuzzing"),  # no operation follows from it
            "positive_data_acceptance,negative_data_rejection",
        ),
    ],
)
def test_the_running_api_keeps_to_its_document(
    api: Api, key: str, tmp_path: Path, operations: tuple[str, ...], checks: str
) -> None:
    command = (str(_ST), "run", f"{api.url}/openapi.json", f"--header=Authorization: Bearer {key}", f"--max-examples={_EXAMPLES}")
    options = (*operations, f"--exclude-checks={checks}", "--seed=1", "--no-color")
    told = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert told.returncode == 0, told.stdout[-6000:] + told.stderr[-2000:]
    assert not [line for line in api.logged if line["event"] == "api.failed"]
