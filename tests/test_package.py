"""A trained pipeline as a Python package, in an interpreter that knows nothing of this one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from spacy import Language
from spacy.cli._util import app
from typer.testing import CliRunner

from .conftest import make_doc, make_other_doc

PROGRAM = """
import json, sys

import xx_relations
from spacy.tokens import Doc, Span

nlp = xx_relations.load()
for line in sys.stdin:
    words, starts, groups = json.loads(line)
    doc = Doc(nlp.vocab, words=words, sent_starts=starts)
    for key, spans in groups.items():
        doc.spans[key] = [Span(doc, start, end) for start, end in spans]
    print(json.dumps([relation.to_dict() for relation in nlp(doc)._.relations]))
"""


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # spacy package leaves its README open
def test_a_packaged_pipeline_needs_no_import_by_hand(trained_folder, kmgre: Language, tmp_path: Path):
    arguments = ["package", trained_folder("KMGRE"), tmp_path, "--name", "relations", "--build", "none"]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    (folder,) = tmp_path.iterdir()
    meta = json.loads((folder / "meta.json").read_text())
    assert any(requirement.startswith("spacy-kmgre") for requirement in meta["requirements"])

    shutil.copy(folder / "meta.json", folder / "xx_relations")  # as its setup.py does when it is built

    docs = [make_doc(kmgre), make_other_doc(kmgre)]
    lines = [
        json.dumps(
            [
                [token.text for token in doc],
                [token.is_sent_start for token in doc],
                {key: [[span.start, span.end] for span in spans] for key, spans in doc.spans.items()},
            ]
        )
        for doc in docs
    ]
    # Away from this repository, so that only what is installed can be found.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="\n".join(lines),
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found == [[relation.to_dict() for relation in kmgre(doc)._.relations] for doc in docs]
    assert [len(relations) for relations in found] == [3, 2]
