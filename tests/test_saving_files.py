"""A file is written as a whole or not at all, and what is no such file is told apart."""

import json
import os
import stat

from pathlib import Path

import pytest
import torch

from safetensors.torch import save_file

import kldiv

from kldiv.saving.files import read_file, write_file

TENSORS = {"a": torch.arange(3.0), "b": torch.tensor(True)}
DOCUMENT = {"text": "π", "list": [1, None, 0.1]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.safetensors"


def test_what_was_written_is_read(path):
    write_file(path, DOCUMENT, TENSORS)
    document, tensors = read_file(path)
    assert document == DOCUMENT
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], each) for name, each in TENSORS.items())


@pytest.mark.parametrize("form", [str, Path])
def test_a_path_is_text_or_a_path(form, path):
    write_file(form(path), DOCUMENT, TENSORS)
    assert read_file(form(path))[0] == DOCUMENT


@pytest.mark.parametrize("wrong", [None, 3, b"fit", "", object()])
def test_anything_else_is_no_path(wrong):
    with pytest.raises(kldiv.InvalidType, match="path must be text or a pathlib"):
        write_file(wrong, DOCUMENT, TENSORS)
    with pytest.raises(kldiv.InvalidType, match=f"got {wrong!r}".replace("(", ".")[:9]):
        read_file(wrong)


def test_an_older_file_is_replaced_and_nothing_else_is_left(path):
    write_file(path, {"old": 1}, {})
    write_file(path, DOCUMENT, TENSORS)
    assert read_file(path)[0] == DOCUMENT
    assert os.listdir(path.parent) == [path.name]


def test_a_link_stays_a_link(path, tmp_path):
    elsewhere = tmp_path / "elsewhere" / "real"
    elsewhere.parent.mkdir()
    write_file(elsewhere, {"old": 1}, {})
    path.symlink_to(elsewhere)
    write_file(path, DOCUMENT, TENSORS)
    assert path.is_symlink()
    assert read_file(elsewhere)[0] == DOCUMENT


def test_others_may_read_it_as_they_may_read_any_new_file(path):
    write_file(path, DOCUMENT, TENSORS)
    other = path.parent / "other"
    other.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


class Full:
    """A file on a disk that is full after some bytes."""

    def __init__(self, file, error):
        self.file, self.error = file, error

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, content):
        self.file.write(content[: len(content) // 2])
        raise self.error


def breaking(monkeypatch, error):
    """Makes every write stop in the middle."""
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode: Full(opened(path, mode), error))


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (OSError(28, "No space left on device"), kldiv.InvalidFile),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (MemoryError(), MemoryError),
    ],
)
def test_a_write_that_breaks_off_leaves_everything_as_it_was(old, error, seen, path, monkeypatch):
    if old:
        write_file(path, DOCUMENT, TENSORS)
    with monkeypatch.context() as broken:
        breaking(broken, error)
        with pytest.raises(seen):
            write_file(path, {"new": 1}, TENSORS)
    assert os.listdir(path.parent) == ([path.name] if old else [])
    if old:
        assert read_file(path)[0] == DOCUMENT


def test_a_move_that_fails_leaves_everything_as_it_was(path, monkeypatch):
    write_file(path, DOCUMENT, TENSORS)

    def refuse(source, place):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(kldiv.InvalidFile, match="Permission denied; whatever was there"):
        write_file(path, {"new": 1}, TENSORS)
    assert os.listdir(path.parent) == [path.name]
    assert read_file(path)[0] == DOCUMENT


def test_a_file_on_its_way_is_in_no_place_where_it_is_looked_for(path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "replace", lambda source, place: seen.append((source, place)))
    write_file(path, DOCUMENT, TENSORS)
    ((source, place),) = seen
    assert source.parent == place.parent == path.parent
    assert source.name.startswith(".")
    assert read_file(source)[0] == DOCUMENT  # it was whole before it was moved


@pytest.mark.parametrize("where", ["nowhere/fit", "."])
def test_a_place_that_cannot_be_written_is_an_error_that_names_it(where, tmp_path):
    with pytest.raises(kldiv.InvalidFile, match=r"cannot be written: .*directory") as caught:
        write_file(tmp_path / where, DOCUMENT, TENSORS)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, ValueError)


def test_a_device_or_a_pipe_is_not_replaced_by_a_file(path):
    os.mkfifo(path)
    with pytest.raises(kldiv.InvalidFile, match="is no file that can be replaced"):
        write_file(path, DOCUMENT, TENSORS)
    assert path.is_fifo()


def test_no_file_is_also_what_python_says_of_it(path):
    with pytest.raises(FileNotFoundError, match="there is no file") as caught:
        read_file(path)
    assert isinstance(caught.value, kldiv.InvalidFile)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(kldiv.InvalidFile, match="cannot be read: Is a directory"):
        read_file(tmp_path)


FOREIGN = {
    "nothing": b"",
    "text": b"Dear reader, this is no fit at all.",
    "zeros": bytes(1000),
    "a pickle": torch.tensor(1.0).numpy().dumps(),
    "a header without an end": (10**6).to_bytes(8, "little") + b"{}",
    "a header that is no JSON": (4).to_bytes(8, "little") + b"!!!!",
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_file_of_another_kind_is_refused(case, path):
    path.write_bytes(FOREIGN[case])
    with pytest.raises(kldiv.InvalidFile, match=r"damaged or no safetensors file.*wrote"):
        read_file(path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_file_of_other_tensors_is_refused(metadata, path):
    save_file(TENSORS, path, metadata)
    with pytest.raises(kldiv.InvalidFile, match="holds tensors, but no fit of kldiv"):
        read_file(path)


@pytest.mark.parametrize("text", ["{", "", "not JSON", "[" * 100_000])
def test_a_document_that_is_no_json_is_refused(text, path):
    save_file(TENSORS, path, {"kldiv_fit": text})
    with pytest.raises(kldiv.InvalidFile, match="damaged"):
        read_file(path)


def test_tensors_that_were_read_do_not_follow_the_file(path):
    write_file(path, DOCUMENT, {"a": torch.zeros(1000)})
    _, tensors = read_file(path)
    with path.open("r+b") as file:
        file.seek(-400, os.SEEK_END)
        file.write(b"\1" * 400)
    assert not tensors["a"].any()


def test_the_document_is_json_that_any_program_can_read(path):
    write_file(path, DOCUMENT, TENSORS)
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(header["__metadata__"]["kldiv_fit"]) == DOCUMENT
