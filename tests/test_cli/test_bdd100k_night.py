"""The night images of BDD100K are listed."""

from __future__ import annotations

import json

import pytest

from mmsdag.cli.bdd100k_night import main


@pytest.fixture
def bdd(tmp_path):
    """Images a to d, of which a and c are night; c has no mask."""
    for folder, names in (
        ('images', ('a.jpg', 'b.jpg', 'c.jpg', 'd.jpg')),
        ('masks', ('a.png', 'b.png')),
    ):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch()
    frames = [
        dict(name=f'{name}.jpg', attributes=dict(timeofday=time))
        for name, time in (('a', 'night'), ('b', 'daytime'), ('c', 'night'), ('e', 'night'))
    ]
    (tmp_path / 'labels.json').write_text(json.dumps(frames))
    return tmp_path


def run(root, *options: str) -> None:
    main(
        [
            str(root / 'labels.json'),
            '--images',
            str(root / 'images'),
            '--out',
            str(root / 'night.txt'),
            *options,
        ]
    )


def test_night_images_with_a_mask_are_listed(bdd, capsys):
    run(bdd, '--masks', str(bdd / 'masks'))
    assert (bdd / 'night.txt').read_text() == 'a\n'
    assert (
        '1 without a known time of day, 2 at night, of which 1 are listed'
    ) in capsys.readouterr().out


def test_without_masks_all_night_images_are_listed(bdd):
    run(bdd)
    assert (bdd / 'night.txt').read_text() == 'a\nc\n'


@pytest.mark.parametrize(
    'content, told',
    [
        ('{}x', 'not a list of images with name'),
        ('[{"name": "a.jpg", "attributes": {"weather": "fog"}}]', 'take the detection labels'),
        ('[]', 'do the labels and the folders belong together'),
    ],
)
def test_labels_of_something_else_are_an_error(bdd, capsys, content, told):
    (bdd / 'labels.json').write_text(content)
    with pytest.raises(SystemExit) as stop:
        run(bdd)
    assert stop.value.code == 2
    assert told in capsys.readouterr().err
    assert not (bdd / 'night.txt').exists()


def test_a_missing_folder_is_named(bdd, capsys):
    with pytest.raises(SystemExit):
        run(bdd, '--masks', str(bdd / 'none'))
    assert str(bdd / 'none') in capsys.readouterr().err
