"""Every check of verify.py finds the data that should fail it."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from mmsdag.cli import verify
from mmsdag.datasets.inspection import leaves


def run_verify(root, *more):
    return verify.main(
        [
            'exdark_voc',
            '--dataset-options',
            f'data_root={root}',
            'ann_file=list.txt',
            'bad_boxes=skip',
            *more,
        ]
    )


def test_verify_counts_boxes_and_light_by_split(exdark, capsys):
    (exdark / 'list.txt').write_text('1.jpg\n2.png\n')
    assert run_verify(exdark) == 0
    said = capsys.readouterr().out
    for row in (
        '| class (boxes) | train | val | test | all |',
        '| images | 2 | 2 | 2 | 6 |',
        '| Dog | 3 | 3 | 3 | 9 |',
        '| (11 classes that do not occur) | 0 | 0 | 0 | 0 |',
        '| all boxes | 3 | 3 | 3 | 9 |',
        '| Ambient | 1 | 1 | 1 | 3 |',
        '| Low | 1 | 1 | 1 | 3 |',
        'train: 2 of 2 images are there, 2 of them whole',
    ):
        assert row in said


def test_verify_names_images_that_are_missing_broken_or_of_another_size(exdark, capsys):
    folder = exdark / 'JPEGImages' / 'Dog'
    (folder / '1.jpg').write_bytes((folder / '1.jpg').read_bytes()[:300])
    Image.new('RGB', (40, 60)).save(folder / '2.png')
    assert run_verify(exdark, 'missing_images=keep') == 1
    said = capsys.readouterr().out
    assert 'test: 2 of 3 images are there, 0 of them whole' in said
    assert '2.png: 40x60, but the annotation says 60x40' in said
    assert f'{folder / "1.jpg"}: ' in said


def test_verify_draws_the_boxes(exdark, tmp_path):
    path = exdark / 'Annotations' / '1.jpg.xml'
    lines = path.read_text().splitlines()
    path.write_text('\n'.join([lines[0], lines[1], lines[-1]]))
    (exdark / 'list.txt').write_text('1.jpg\n')
    run_verify(exdark, '--sheet', str(tmp_path / 'sheet.jpg'), '--side', '60', '--pictures', '1')
    picture = cv2.imread(str(tmp_path / 'sheet.jpg'))
    assert picture.shape == (18 + 60, 3 * 60, 3)  # the three splits
    # The image is black but for the box from 1, 2 to 11, 22 and its name.
    photo = picture[18:58, :60].max(2) > 100
    assert photo[2:22, 11].mean() > 0.7 and photo[22, 1:11].mean() > 0.7
    assert not photo[30:, 20:].any()


@pytest.fixture
def masks(tmp_path):
    """A plain mmseg data set: an image of 5 rows and 4 columns, and a mask.

    The mask has two rows of 'sky', two of 'road' and an ignored one.
    """
    for folder in ('img', 'ann'):
        (tmp_path / folder).mkdir()
    Image.new('RGB', (4, 5)).save(tmp_path / 'img' / 'a.png')
    labels = np.repeat(np.array([[1], [1], [0], [0], [255]], np.uint8), 4, 1)
    Image.fromarray(labels).save(tmp_path / 'ann' / 'a.png')
    (tmp_path / 'config.py').write_text(f"""
test_dataloader = dict(dataset=dict(
    type='mmseg.BaseSegDataset', data_root={str(tmp_path)!r},
    img_suffix='.png', data_prefix=dict(img_path='img', seg_map_path='ann'),
    metainfo=dict(classes=('road', 'sky'),
                  palette=[[200, 0, 0], [0, 200, 0]]),
    pipeline=[dict(type='mmseg.LoadImageFromFile'),
              dict(type='mmseg.Resize', scale=(8, 10)),
              dict(type='mmseg.LoadAnnotations'),
              dict(type='mmseg.PackSegInputs')]))
""")
    return tmp_path


def test_verify_counts_and_draws_masks(masks, capsys):
    assert (
        verify.main([str(masks / 'config.py'), '--sheet', str(masks / 'sheet.jpg'), '--side', '50'])
        == 0
    )
    said = capsys.readouterr().out
    for row in ('| class (pixels) | test |', '| road | 8 |', '| sky | 8 |', '| not labeled | 4 |'):
        assert row in said
    assert 'faults' not in said
    picture = cv2.imread(str(masks / 'sheet.jpg')).astype(int)
    # Half the palette's colors over black, in BGR; JPEG blurs a little.
    assert np.abs(picture[18 + 5, 20] - (0, 100, 0)).max() < 30
    assert np.abs(picture[18 + 25, 20] - (0, 0, 100)).max() < 30


@pytest.mark.parametrize(
    'values, told',
    [
        ([7], 'value 7 is neither classes (0 to 1) nor 255 (4 pixels)'),
        ([2, 9, 254], 'values 2…254 are neither classes (0 to 1) nor 255 (12 pixels)'),
    ],
)
def test_labels_that_are_no_class_are_a_fault(masks, capsys, values, told):
    labels = np.zeros((5, 4), np.uint8)
    labels[: len(values)] = np.array(values)[:, None]
    Image.fromarray(labels).save(masks / 'ann' / 'a.png')
    assert verify.main([str(masks / 'config.py')]) == 1
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    'spoil, told',
    [
        (lambda mask: Image.new('L', (5, 4)).save(mask), 'shape (4, 5), but the image has (5, 4)'),
        (
            lambda mask: Image.new('RGB', (4, 5)).save(mask),
            'shape (5, 4, 3), but the image has (5, 4)',
        ),
        (lambda mask: mask.write_bytes(b'\x89PNG cut off'), 'cannot be read'),
    ],
)
def test_a_mask_that_does_not_fit_its_image_is_a_fault(masks, capsys, spoil, told):
    mask = masks / 'ann' / 'a.png'
    spoil(mask)
    assert verify.main([str(masks / 'config.py')]) == 1
    assert f'  {mask}: {told}' in capsys.readouterr().out


def test_images_may_be_missing_only_where_the_options_say_so(exdark, masks, capsys):
    shutil.rmtree(exdark / 'JPEGImages' / 'Dog')
    assert run_verify(exdark, 'missing_images=keep') == 0
    (masks / 'list.txt').write_text('a\ngone\n')
    assert verify.main([str(masks / 'config.py'), '--dataset-options', 'ann_file=list.txt']) == 1
    assert 'test: 1 of 2 images are there' in capsys.readouterr().out


def test_a_data_set_without_images_is_an_error(masks, capsys):
    (masks / 'img' / 'a.png').unlink()
    with pytest.raises(SystemExit):
        verify.main([str(masks / 'config.py')])
    assert f"BaseSegDataset has no images: check data_root='{masks}'" in capsys.readouterr().err


def test_a_mask_of_a_broken_image_is_not_read(masks, capsys):
    (masks / 'img' / 'a.png').write_bytes(b'no image')
    verify.main([str(masks / 'config.py')])
    said = capsys.readouterr().out
    assert 'test: 1 of 1 images are there, 0 of them whole' in said
    assert f'  {masks / "img" / "a.png"}: ' in said


def acdc(root, labels: list[int]) -> None:
    """One night image of ACDC in each split, with a row of each label."""
    for split in ('train', 'val'):
        for kind, suffix in (('rgb_anon', 'rgb_anon'), ('gt', 'gt_labelTrainIds')):
            folder = root / kind / 'night' / split / 'A'
            folder.mkdir(parents=True)
            pixels = np.repeat(np.array(labels, np.uint8)[:, None], 6, 1)
            Image.fromarray(pixels).convert('L' if kind == 'gt' else 'RGB').save(
                folder / f'a_{suffix}.png'
            )


def test_label_ids_in_the_place_of_train_ids_are_told(tmp_path, capsys):
    # 0 to 18 are train ids and label ids; 19 to 33 are label ids alone.
    acdc(tmp_path, [0, 7, 18, 19, 24, 33, 255])
    verify.main(['acdc_night', '--dataset-options', f'data_root={tmp_path}'])
    said = capsys.readouterr().out
    assert ('values 19…33 are neither train ids nor 255; label_ids=True? (18 pixels)') in said


def test_train_ids_are_no_fault(tmp_path, capsys):
    acdc(tmp_path, [0, 7, 18, 255])
    verify.main(['acdc_night', '--dataset-options', f'data_root={tmp_path}'])
    assert 'faults' not in capsys.readouterr().out


def test_label_ids_that_the_config_announces_are_no_fault(tmp_path, capsys):
    acdc(tmp_path, [0, 7, 24, 33, 255])
    verify.main(
        [
            'acdc_night',
            '--dataset-options',
            f'data_root={tmp_path}',
            'label_ids=True',
            'seg_map_suffix=_gt_labelTrainIds.png',
        ]
    )
    said = capsys.readouterr().out
    # Label 7 is road, 24 person, 33 bicycle: a row of 6 pixels each.
    assert 'faults' not in said and '| road | 6 | 6 | 12 |' in said


def test_a_config_without_data_is_an_error(tmp_path, capsys):
    (tmp_path / 'a.py').write_text('model = dict()')
    with pytest.raises(SystemExit):
        verify.main([str(tmp_path / 'a.py')])
    assert 'has no train_, val_ or test_dataloader' in capsys.readouterr().err


def test_a_sheet_without_images_is_an_error(exdark, tmp_path, capsys):
    shutil.rmtree(exdark / 'JPEGImages' / 'Dog')
    with pytest.raises(SystemExit):
        run_verify(exdark, 'missing_images=keep', '--sheet', str(tmp_path / 'sheet.jpg'))
    assert 'no image to draw' in capsys.readouterr().err


def test_data_sets_that_repeat_or_join_others_are_taken_apart():
    a, b = dict(type='A'), dict(type='B')
    cfg = dict(
        type='RepeatDataset',
        dataset=dict(type='ConcatDataset', datasets=[a, dict(type='X', dataset=b)]),
    )
    assert list(leaves(cfg)) == [a, b]


def test_verify_lists_what_it_knows(capsys):
    with pytest.raises(SystemExit):
        verify.main(['no_such_data'])
    said = capsys.readouterr().err
    assert "'no_such_data' is neither" in said and 'dark_face' in said
