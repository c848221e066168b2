"""`python -m fuzz SECONDS SEED TARGET ...`: tries the kept inputs first, then new ones until the time is over.

New inputs are samples of each format and kept inputs that are cut, joined, or overwritten with pieces of others, and
Docs of hypothesis' texts. An input that breaks something is kept in fuzz/corpus, and the program ends with status 1.
"""

import hashlib
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from random import Random

import spacy
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import make_examples, pipeline_with, write_tokenizer
from tests.formats.samples import SAMPLES, path_for

from .targets import MODEL, TARGETS, ours, values

CORPUS = Path(__file__).parent / "corpus"
JUNK = [
    b"\0",
    b"\xff",
    b"\x1b[31m",
    b'"',
    b"{" * 200,
    b"[" * 200,
    b"1e999",
    b"-1",
    b"9" * 5000,
    b"\\ud800",
    b"\r",
]
JUNK += [
    b"null",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
    b"</script>",
    b"../",
    b"\xe2\x80\xae",
    b"|t|",
    b"\t",
    b"\n\n",
    b"",
]
# The longest that one input may take, in seconds.
SLOW = 60.0


def mangle(random: Random, data: bytes, others: list[bytes]) -> bytes:
    """Data that has been cut, doubled or overwritten in one to four places."""
    for _ in range(random.randrange(1, 5)):
        start, size = random.randrange(len(data) + 1), random.randrange(1, 30)
        other = random.choice(others)
        begin = random.randrange(len(other) + 1)
        new = random.choice(
            [*JUNK, other[begin : begin + size], data[start : start + size], data[: size * 9]]
        )
        data = data[:start] + new + data[start + random.choice([0, len(new), size]) :]
    return data[: 1 << 16]


def seeds(folder: Path) -> dict[str, list[bytes]]:
    """Samples for each target: whole files of its format, and the inputs that are kept."""
    found: dict[str, list[bytes]] = {name: [] for name in TARGETS}
    for form, make in SAMPLES.items():
        path = make(path_for(form, folder / form)) if (folder / form).mkdir() is None else folder
        files = [file for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
        for name in (f"read_{form}", "sources"):
            found.get(name, []).extend(file.read_bytes() for file in files)
    for name in found:
        found[name] += [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]
        found[name] = found[name] or [b"Ann Lee founded Acme. She lives near Oslo, in the company of Bolt."]
    return found


def tiny_model(folder: Path) -> Path:
    """A saved pipeline with random weights."""
    from transformers import BertConfig, BertModel

    size = write_tokenizer(folder)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=size, max_position_embeddings=64, **shape)).save_pretrained(folder)
    nlp = pipeline_with(str(folder))
    nlp.initialize(lambda: make_examples(nlp))
    nlp.to_disk(folder / "saved")
    return folder / "saved"


def attempt(name: str, data: bytes) -> str:
    """Run a target; "" where it did what it may do, else what it did."""
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            TARGETS[name](data, Path(folder))
    except Exception as error:
        if not ours(error):
            return traceback.format_exc()
    return f"{SLOW:g} seconds and more" if time.monotonic() - start > SLOW else ""


def keep(name: str, data: bytes) -> Path:
    """Keep an input that breaks something."""
    path = CORPUS / name / hashlib.blake2b(data, digest_size=6).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def main(seconds: float, seed: int, only: list[str]) -> int:
    """Fuzz for so many seconds; the exit status is 1 where something broke."""
    names = [name for name in TARGETS if not only or name in only]
    tried, broken = dict.fromkeys(names, 0), 0
    random = Random(seed)

    def run(name: str, data: bytes) -> None:
        nonlocal broken
        tried[name] += 1
        if what := attempt(name, data):
            broken += 1
            print(f"{name}: {values(data)} is kept as {keep(name, data)}\n{what}", file=sys.stderr)

    with tempfile.TemporaryDirectory() as scratch:
        known = seeds(Path(scratch))
        if "models" in names:
            MODEL.append(tiny_model(Path(scratch)))
        end = time.monotonic() + seconds
        for name in names:
            for data in known[name]:
                run(name, data)

        def step(text: str) -> None:
            for name in names if time.monotonic() < end else ():
                plain = name in ("docs", "exports", "models")
                data = (
                    text.encode("utf8", "replace")
                    if plain and random.random() < 0.5
                    else random.choice(known[name])
                )
                run(name, mangle(random, data, known[name]) if not plain or random.random() < 0.5 else data)

        while time.monotonic() < end and broken < 20:
            quick = settings(
                max_examples=50,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            quick(given(st.text(max_size=200))(step))()
    print(f"{sum(tried.values()):,} inputs, {broken} broke something: {tried}")
    return 1 if broken else 0


if __name__ == "__main__":
    spacy.util.fix_random_seed(0)
    arguments = sys.argv[1:] or ["60"]
    sys.exit(main(float(arguments[0]), int((arguments[1:2] or ["0"])[0]), arguments[2:]))
