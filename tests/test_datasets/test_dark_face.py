from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config
from PIL import Image

from mmsdag.registry import DATASETS

CONFIG = Path(__file__).parents[2] / 'configs/_base_/datasets/dark_face.py'


@pytest.fixture
def root(tmp_path):
    """Three numbered photographs, as the authors lay them out."""
    for folder in ('image', 'label'):
        (tmp_path / folder).mkdir()
    for number, faces in ((2, ['1 2 11 22', '5 5 9 9']), (10, []), (5401, ['0 0 3 4'])):
        Image.new('RGB', (72, 40)).save(tmp_path / f'image/{number}.png')
        (tmp_path / f'label/{number}.txt').write_text('\n'.join([str(len(faces)), *faces]))
    return tmp_path


def build(root, **kwargs):
    return DATASETS.build(dict(type='mmsdag.DarkFaceDataset', data_root=str(root), **kwargs))


def infos(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_the_authors_layout_needs_no_list(root):
    found = {info['img_id']: info for info in infos(build(root))}
    assert found.keys() == {'2', '10', '5401'}
    assert found['2']['img_path'] == str(root / 'image' / '2.png')
    assert (found['2']['width'], found['2']['height']) == (72, 40)
    assert found['2']['instances'] == [
        dict(bbox=[1, 2, 11, 22], bbox_label=0, ignore_flag=0),
        dict(bbox=[5, 5, 9, 9], bbox_label=0, ignore_flag=0),
    ]
    assert found['10']['instances'] == []


@pytest.mark.parametrize(
    'numbers, names',
    [((None, None), ['10', '2', '5401']), ((1, 5400), ['2', '10']), ((10, None), ['10', '5401'])],
)
def test_a_range_of_numbers_takes_a_part(root, numbers, names):
    dataset = build(root, number_range=numbers)
    assert [info['img_id'] for info in infos(dataset)] == names


@pytest.mark.parametrize('ending', ['', '.png'])
def test_a_list_may_name_images_with_or_without_ending(root, ending):
    (root / 'train.txt').write_text(f'5401{ending}\n2{ending}\n')
    dataset = build(root, ann_file='train.txt')
    assert [Path(i['img_path']).name for i in infos(dataset)] == ['5401.png', '2.png']


@pytest.mark.parametrize('name', ['2.xml', '2.png.xml'])
def test_the_conversion_to_voc_is_read(root, name):
    (root / 'Annotations').mkdir()
    (root / 'Annotations' / name).write_text(
        '<annotation><size><width>72</width><height>40</height></size>'
        '<object><name>Face</name><bndbox><xmin>2</xmin><ymin>3</ymin>'
        '<xmax>12</xmax><ymax>23</ymax></bndbox></object></annotation>'
    )
    (root / 'train.txt').write_text('2\n')
    (info,) = infos(
        build(
            root, ann_file='train.txt', data_prefix=dict(img_path='image', ann_path='Annotations')
        )
    )
    assert [i['bbox'] for i in info['instances']] == [[1, 2, 11, 22]]


def test_a_broken_label_file_is_named_with_its_line(root):
    (root / 'label' / '2.txt').write_text('2\n1 2 11 22\n5 5')
    with pytest.raises(ValueError, match='2.txt:3: 2 columns'):
        build(root)


def test_the_config_holds_out_the_last_images_and_skips_bad_boxes(root, monkeypatch):
    monkeypatch.setenv('MMSDAG_DARK_FACE', str(root))
    (root / 'label' / '2.txt').write_text('2\n1 2 11 22\n5 5 5 9')
    cfg = Config.fromfile(CONFIG)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    test = DATASETS.build(cfg.test_dataloader.dataset)
    # 10.png has no face, and training leaves it out.
    assert [info['img_id'] for info in infos(train)] == ['2']
    assert [info['img_id'] for info in infos(test)] == ['5401']
    assert len(train[0]['data_samples'].gt_instances) == 1
    sample = test[0]['data_samples']
    # 72x40, as large as fits into 1500x1000; the boxes stay as they are.
    assert sample.img_shape == (833, 1500)
    assert sample.gt_instances.bboxes.tensor.tolist() == [[0, 0, 3, 4]]
