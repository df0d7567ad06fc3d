"""References between pages, and to other projects."""

from pathlib import Path

import pytest

from sphinx.util.inventory import InventoryFile

from kldiv.sphinxext import references


@pytest.mark.filterwarnings("ignore:The mapping interface")  # Sphinx's own napoleon uses it
def test_a_type_is_linked_to_by_its_public_name(build):
    html, warnings = build(
        ":py:class:`kldiv.errors.KldivError`\n\n.. autoexception:: kldiv.KldivError",
        conf="nitpicky = True\nnitpick_ignore = [('py:class', 'Exception')]",
    )

    assert not warnings
    assert 'href="#kldiv.KldivError"' in html


def test_a_colon_in_a_property_s_first_line_does_not_make_a_type():
    lines = ["Its parameters: for each name the default.", ""]
    references.keep_colon(None, "property", "", None, None, lines)

    assert lines == ["Its parameters:", "for each name the default.", ""]


def test_an_inventory_made_of_a_list_is_one_that_intersphinx_reads(tmp_path):
    (tmp_path / "torch.txt").write_text(
        "https://torch.example/\ntorch.Tensor py:class tensors.html#$\n"
    )

    (address, path) = references.local_inventories(tmp_path, tmp_path / "built")["torch"]

    with Path(path).open("rb") as file:
        inventory = InventoryFile.load(file, address, lambda base, end: base + end)
    assert (
        inventory["py:class"]["torch.Tensor"].uri
        == "https://torch.example/tensors.html#torch.Tensor"
    )
