import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_kmgre.formats.counts import Counts
from spacy_kmgre.formats.files import (
    read_json_lines,
    read_json_list,
    read_lines,
    replacing,
    write_json_lines,
    write_json_list,
)
from spacy_kmgre.formats.names import file_name

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - 2**63, 2**63 - 1)  # The parser of ijson knows no -2**63.
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('a"\\\n[]{},:é😀', max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANY
@given(items=st.lists(JSON, max_size=5), indent=st.sampled_from([None, 0, 2]), ascii_only=st.booleans())
def test_a_json_list_is_read_as_json_reads_it(items: list[Any], indent: Any, ascii_only: bool, tmp_path):
    path = tmp_path / "list.json"
    path.write_text(json.dumps(items, indent=indent, ensure_ascii=ascii_only), encoding="utf8")
    assert list(read_json_list(path)) == items
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert list(read_json_list(path)) == items


@ANY
@given(items=st.lists(JSON, max_size=4), data=st.data())
def test_a_broken_json_list_is_an_error(items: list[Any], data: Any, tmp_path):
    path = tmp_path / "list.json"
    text = json.dumps(items, indent=data.draw(st.sampled_from([None, 1])))
    cut = data.draw(st.integers(0, len(text) - 1))
    path.write_text(text[:cut] + data.draw(st.sampled_from(["", "]", "x", '"', ",", "}"])), encoding="utf8")
    try:
        expected = json.loads(path.read_text(encoding="utf8"))
    except ValueError:
        expected = None
    if isinstance(expected, list):
        assert list(read_json_list(path)) == expected
    else:
        with pytest.raises(ValueError, match=r"KMGRE E10[01]\] .*list.json"):
            list(read_json_list(path))


def test_errors_name_the_item(tmp_path):
    path = tmp_path / "list.json"
    path.write_text('[\n{"a": 1},\n{"b": 2},\n{"c" 3}\n]')
    found = read_json_list(path)
    assert [next(found), next(found)] == [{"a": 1}, {"b": 2}]
    with pytest.raises(ValueError, match=r"E100.*list.json.*, in item 2, near '.*\"c\" 3"):
        next(found)
    path.write_text("[1] 2")
    with pytest.raises(ValueError, match=r"E100.*trailing garbage"):
        list(read_json_list(path))
    for text, kind in [('{"a": 1}', "object"), ("null", "null"), ("1", "number"), ('"a"', "string")]:
        path.write_text(text)
        with pytest.raises(ValueError, match=f"E101.*list.json is one JSON {kind}"):
            list(read_json_list(path))


def peak_memory(path: Path, items: int) -> int:
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_json_list(path)) == items
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_only_a_part_of_a_list_is_in_memory(tmp_path):
    small, large = tmp_path / "small.json", tmp_path / "large.json"
    for path, size in ((small, 1_000), (large, 30_000)):
        write_json_list(({"number": number, "text": "word " * 20} for number in range(size)), path)
    peak_memory(small, 1_000)
    assert peak_memory(large, 30_000) < 1.2 * peak_memory(small, 1_000) < large.stat().st_size / 8
    # A mistake is found without reading to the end.
    large.write_text('[{"a": 1}, {"a" 2}, ' + '"x", ' * 100_000 + "1]")
    found = read_json_list(large)
    assert next(found) == {"a": 1}
    with pytest.raises(ValueError, match="E100"):
        next(found)


def test_a_deep_list_does_not_fill_the_memory(tmp_path):
    path = tmp_path / "list.json"
    path.write_text("[" * 99 + "1" + "]" * 99)
    assert repr(next(read_json_list(path))) == "[" * 98 + "1" + "]" * 98
    for bomb in ("[" * 100_000, '[{"a":' * 100_000):
        path.write_text(bomb)
        with pytest.raises(ValueError, match=r"E100.*within each other"):
            list(read_json_list(path))


@pytest.mark.parametrize("junk", ['"', ' "]', "\n tru", "1", "]", "//"])
@pytest.mark.parametrize("items", ["[]", "[1]"])
def test_nothing_comes_after_a_list(tmp_path, items, junk):
    path = tmp_path / "a.json"
    path.write_text(items + " \n\n")
    assert list(read_json_list(path)) == json.loads(items)
    path.write_text(items + junk)
    number = len(json.loads(items))
    with pytest.raises(ValueError, match=rf"E100.*a\.json.*, in item {number}"):
        list(read_json_list(path))


def test_lines_end_in_line_feeds_alone(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeffa\x85b\r\nc\u2028d\n\ne\rf".encode("utf8"))
    assert list(read_lines(path, Counts())) == [(1, "a\x85b"), (2, "c\u2028d"), (3, ""), (4, "e\rf")]
    path.write_bytes(b"fine\nnot \xff fine\n")
    with pytest.raises(ValueError, match=r"E120.*lines.txt line 2 is not text"):
        list(read_lines(path, Counts()))


def test_json_lines(tmp_path):
    path = tmp_path / "lines.jsonl"
    items = [{"a": "é\u2028"}, [1], None]
    write_json_lines(items, path)
    assert [parse() for _, parse in read_json_lines(path)] == items
    path.write_text('{"a": 1}\n\n{"a": }\n')
    found = read_json_lines(path)
    where, parse = next(found)
    assert (where, parse()) == (f"{path} line 1", {"a": 1})
    _, parse = next(found)
    with pytest.raises(ValueError, match=r"E100.*lines.jsonl line 3 is not"):
        parse()
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match="E100"):
        [parse() for _, parse in read_json_lines(path)]


def test_a_target_is_complete_or_not_there(tmp_path):
    target = tmp_path / "a" / "b.txt"
    with replacing(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "new" and list(target.parent.iterdir()) == [target]
    with pytest.raises(ValueError, match=r"E141.*not empty"), replacing(target.parent):
        pass
    (tmp_path / "empty").mkdir()
    with replacing(tmp_path / "empty") as temporary:
        temporary.mkdir()
        (temporary / "x").touch()
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["x"]


def test_file_names(tmp_path: Path):
    taken: Any = set()
    titles = ["a b", "a_b", "A b", "../../etc/passwd", "news/one", "", "...", "é" * 300]
    names = [file_name(title, taken) for title in titles]
    assert names[:7] == ["a_b", "a_b_2", "A_b_3", "etc/passwd", "news/one", "document", "document_2"]
    (tmp_path / f"{names[7]}.json").touch()
    assert names[7] == "é" * 120
