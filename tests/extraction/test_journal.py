"""Parts on disk: what is left after a crash at any place between two writes."""

import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from spacy_kmgre.extraction import journal as module
from spacy_kmgre.extraction.journal import Parts

SETTINGS = {"format": "jsonl"}
BEGIN = {"part_size": 4}


def join(parts: Iterable[bytes], path: Path) -> None:
    path.write_bytes(b"".join(parts))


def write_all(target: Path, resume: bool = False) -> None:
    """Three parts, the second with an error."""
    parts = Parts(target)
    try:
        parts.start(SETTINGS, BEGIN, resume=resume)
        for number in range(len(parts.records()), 3):
            parts.add(number, f"part {number}\n".encode(), {"failed": [number] * (number == 1)})
        failed = [{"id": str(i), "error": "x"} for record in parts.records() for i in record["failed"]]
        parts.finish(join, failed)
    finally:
        parts.release()


def test_parts_become_the_output(tmp_path: Path):
    target = tmp_path / "out.txt"
    write_all(target)
    assert target.read_text() == "part 0\npart 1\npart 2\n"
    assert Parts(target).read_errors() == [{"id": "1", "error": "x"}]
    assert {path.name for path in tmp_path.iterdir()} == {"out.txt", "out.txt.errors.jsonl"}


class Crash(BaseException):
    pass


def test_a_crash_before_or_after_any_rename(tmp_path: Path, monkeypatch):
    """Whatever is renamed last, a run that goes on ends with the same output."""
    replace = Path.replace
    write_all(tmp_path / "whole" / "out.txt")
    expected = (tmp_path / "whole" / "out.txt").read_bytes()
    crashes = 0
    while True:
        for after in (False, True):
            folder = tmp_path / f"{crashes} {after}"
            count = -1

            def crash(path: Path, other: Path):
                nonlocal count
                count += 1
                if count == crashes and not after:  # noqa: B023
                    raise Crash
                found = replace(path, other)
                if count == crashes:  # noqa: B023
                    raise Crash
                return found

            monkeypatch.setattr(Path, "replace", crash)
            try:
                write_all(folder / "out.txt")
                assert (
                    crashes == 11
                )  # settings, 2 for each part, that all is there, errors, output, its parts
                return
            except Crash:
                pass
            monkeypatch.setattr(Path, "replace", replace)
            target = folder / "out.txt"
            if target.exists():
                assert target.read_bytes() == expected
                with pytest.raises(ValueError, match="E331"):
                    Parts(target).start(SETTINGS, BEGIN, resume=True)
                assert Parts(target).finished
                Parts(target).clear()
            else:
                with pytest.raises(ValueError, match="E332"):
                    Parts(target).start(SETTINGS, BEGIN)
                write_all(target, resume=True)
            assert target.read_bytes() == expected
            assert {path.name for path in folder.iterdir()} == {"out.txt", "out.txt.errors.jsonl"}
        crashes += 1


def test_a_part_without_a_record_never_was(tmp_path: Path):
    target = tmp_path / "out.txt"
    parts = Parts(target)
    parts.start(SETTINGS, BEGIN)
    parts.add(0, b"zero", {"failed": []})
    parts.add(1, b"one", {"failed": []})
    parts.release()
    (parts.folder / "00000001.json").unlink()
    (parts.folder / ".00000001.part.new").write_bytes(b"half")
    again = Parts(target)
    again.start(SETTINGS, BEGIN, resume=True)
    assert list(again.data()) == [b"zero"] and len(again.records()) == 1
    again.release()


def test_settings_of_the_first_run_stay(tmp_path: Path):
    parts = Parts(tmp_path / "out.txt")
    assert parts.start(SETTINGS, BEGIN) == {**SETTINGS, **BEGIN}
    parts.release()
    assert Parts(tmp_path / "out.txt").start(SETTINGS, {"part_size": 9}, resume=True) == {**SETTINGS, **BEGIN}


def test_other_settings_are_refused(tmp_path: Path):
    parts = Parts(tmp_path / "out.txt")
    parts.start(SETTINGS, BEGIN)
    parts.release()
    with pytest.raises(ValueError, match=r"E333.*: format"):
        Parts(tmp_path / "out.txt").start({"format": "csv"}, BEGIN, resume=True)
    again = Parts(tmp_path / "out.txt")
    again.start({"format": "csv"}, BEGIN, force=True)
    assert json.loads((again.folder / "run.json").read_text())["format"] == "csv"
    again.release()


def test_force_keeps_the_output_until_another_is_whole(tmp_path: Path):
    target = tmp_path / "out.txt"
    write_all(target)
    before = target.read_bytes()
    parts = Parts(target)
    with pytest.raises(ValueError, match="E331"):
        parts.start(SETTINGS, BEGIN)
    with pytest.raises(ValueError, match="E331"):
        parts.start(SETTINGS, BEGIN, resume=True)
    parts.start(SETTINGS, BEGIN, force=True)
    assert target.read_bytes() == before and parts.errors.exists() and not parts.finished
    parts.add(0, b"new", {"failed": []})
    parts.release()
    again = Parts(target)
    again.start(SETTINGS, BEGIN, resume=True)
    assert len(again.records()) == 1 and target.read_bytes() == before
    again.release()
    again = Parts(target)
    again.start(SETTINGS, BEGIN, force=True)
    assert again.records() == []
    again.finish(join, [])
    assert target.read_bytes() == b"" and not again.errors.exists() and again.finished


def test_killed_while_the_parts_are_deleted(tmp_path: Path, monkeypatch):
    target = tmp_path / "out.txt"

    def crash(folder: Path) -> None:
        raise Crash

    rmtree = module.shutil.rmtree
    monkeypatch.setattr(module.shutil, "rmtree", crash)
    with pytest.raises(Crash):
        write_all(target)
    monkeypatch.setattr(module.shutil, "rmtree", rmtree)
    assert Parts(target).finished and target.read_text() == "part 0\npart 1\npart 2\n"
    Parts(target).clear()
    assert {path.name for path in tmp_path.iterdir()} == {"out.txt", "out.txt.errors.jsonl"}


def test_killed_while_force_deletes_old_parts(tmp_path: Path, monkeypatch):
    target = tmp_path / "out.txt"
    parts = Parts(target)
    parts.start(SETTINGS, BEGIN)
    for number in range(3):
        parts.add(number, b"old\n", {"failed": []})
    parts.release()
    for deleted in range(1, 8):  # one more each time, of those that are left
        count = 0

        def delete(path: Path, deleted: int = deleted) -> None:
            nonlocal count
            count += 1
            if count > deleted:
                raise Crash
            path.unlink(missing_ok=True)

        with monkeypatch.context() as patch:
            patch.setattr(module, "_delete", delete)
            again = Parts(target)
            with suppress(Crash):
                again.start(SETTINGS, BEGIN, force=True)
            again.release()
        assert (deleted < 2) == bool(Parts(target).records() and (parts.folder / "run.json").exists())
        assert not Parts(target).finished
    write_all(target, resume=True)
    assert target.read_text() == "part 0\npart 1\npart 2\n"


@pytest.mark.parametrize("name", ["run.json", "00000000.json", "00000000.part"])
@pytest.mark.parametrize("content", [None, b"", b'{"format": '])
def test_damaged_parts_are_not_put_together(tmp_path: Path, name, content):
    target = tmp_path / "out.txt"
    parts = Parts(target)
    parts.start(SETTINGS, BEGIN)
    parts.add(0, b"zero", {"failed": []})
    parts.release()
    (parts.folder / name).unlink()
    if content is None and name != "00000000.part":  # as if it had never been
        write_all(target, resume=True)
        assert target.read_text() == "part 0\npart 1\npart 2\n"
        return
    if content is not None:
        (parts.folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"E347.*{name}"):
        write_all(target, resume=True)
    assert not target.exists()


def test_what_holds_something_else_is_not_replaced(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "precious").touch()
    with pytest.raises(ValueError, match="E141"):
        Parts(tmp_path / "folder").start(SETTINGS, BEGIN, force=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "precious"]


HOLD = """
import sys
from pathlib import Path
from spacy_kmgre.extraction.journal import Parts

Parts(Path(sys.argv[1])).start({}, {}, resume=True)
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_do_not_write_one_output(tmp_path: Path):
    target = tmp_path / "out.txt"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(ValueError, match="E335"):
            Parts(target).start({}, {}, resume=True)
        with pytest.raises(ValueError, match="E335"):
            Parts(target).start({}, {}, force=True)
        other.kill()
    parts = Parts(target)
    parts.start({}, {}, resume=True)
    parts.release()


def test_an_output_that_is_a_folder(tmp_path: Path):
    def folder(parts: Iterable[bytes], path: Path) -> None:
        path.mkdir()
        for number, part in enumerate(parts):
            (path / str(number)).write_bytes(part)

    (tmp_path / "out").mkdir()
    parts = Parts(tmp_path / "out")
    assert not parts.finished
    parts.start(SETTINGS, BEGIN)
    parts.add(0, b"zero", {"failed": []})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "clear", lambda: None)  # killed just before
        parts.finish(folder, [])
    parts.release()
    assert (tmp_path / "out" / "0").read_bytes() == b"zero"
    assert parts.folder.exists() and Parts(tmp_path / "out").finished


def test_everything_is_flushed_before_it_is_renamed(tmp_path: Path, monkeypatch):
    synced, renamed = [], []
    fsync, replace = module.os.fsync, Path.replace
    monkeypatch.setattr(module.os, "fsync", lambda handle: (synced.append(handle), fsync(handle)))

    def checked(path: Path, other: Path):
        assert synced, path
        synced.clear()
        renamed.append(other.name)
        return replace(path, other)

    monkeypatch.setattr(Path, "replace", checked)
    write_all(tmp_path / "out.txt")
    assert len(renamed) == 11
