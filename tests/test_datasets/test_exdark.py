"""ExDark in its three layouts; the real annotations where they are."""

from __future__ import annotations

import logging
import shutil
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmsdag.registry import DATASETS

CONFIGS = Path(__file__).parents[2] / 'configs'

CLASS_LIST = """Name | Class | Light | In/Out | Train/Val/Test\r
1.JPG 4 1 1 1\r
2.png 9 10 2 1\r
3.jpg 9 6 2 3\r
"""
# Corners (x1, y1, x2, y2), counted from 0, by which the test trees are made.
BOXES = {
    '1.jpg': [('Bus', 10, 5, 30, 15), ('People', 0, 0, 4, 9)],
    '2.png': [('Dog', 1, 2, 3, 4)],
    '3.jpg': [],
}
SIZES = {'1.jpg': (64, 48), '2.png': (36, 64), '3.jpg': (40, 40)}


def voc(name):
    width, height = SIZES[name]
    objects = ''.join(
        f'<object><name>{label}</name><bndbox><xmin>{x1 + 1}</xmin>'
        f'<ymin>{y1 + 1}</ymin><xmax>{x2 + 1}</xmax><ymax>{y2 + 1}</ymax>'
        '</bndbox></object>'
        for label, x1, y1, x2, y2 in BOXES[name]
    )
    return (
        f'<Annotation><size><width>{width}</width><height>{height}'
        f'</height></size>{objects}</Annotation>'
    )


def bbgt(name):
    return '% bbGt version=3\n' + ''.join(
        f'{label} {x1 + 1} {y1 + 1} {x2 - x1} {y2 - y1} 0 0 0 0 0 0 0\n'
        for label, x1, y1, x2, y2 in BOXES[name]
    )


@pytest.fixture
def voc_tree(tmp_path):
    """The layout of VOC: lists, images and XML, each in one folder."""
    for name in BOXES:
        for folder in ('JPEGImages', 'Annotations'):
            (tmp_path / folder).mkdir(exist_ok=True)
        Image.new('RGB', SIZES[name]).save(tmp_path / 'JPEGImages' / name)
        (tmp_path / 'Annotations' / f'{name}.xml').write_text(voc(name))
    (tmp_path / 'train.txt').write_text('1.jpg\n2.png\n')
    (tmp_path / 'test.txt').write_text('3.jpg\n')
    (tmp_path / 'imageclasslist.txt').write_text(CLASS_LIST)
    return tmp_path


@pytest.fixture
def official_tree(tmp_path):
    """The layout of the authors: class folders, upper-case endings."""
    for name, folder in zip(BOXES, ('Bus', 'Dog', 'Dog')):
        own = name.replace('1.jpg', '1.JPG')
        for root in ('ExDark', 'ExDark_Annno'):
            (tmp_path / root / folder).mkdir(parents=True, exist_ok=True)
        Image.new('RGB', SIZES[name]).save(tmp_path / 'ExDark' / folder / own, format='PNG')
        (tmp_path / 'ExDark_Annno' / folder / f'{own}.txt').write_text(bbgt(name))
    (tmp_path / 'imageclasslist.txt').write_text(CLASS_LIST)
    return tmp_path


def build(root, **kwargs):
    return DATASETS.build(
        dict(
            type='mmsdag.ExDarkDataset', data_root=str(root), **{'ann_file': 'train.txt', **kwargs}
        )
    )


def official(root, **kwargs):
    prefix = dict(img_path='ExDark', ann_path='ExDark_Annno')
    return build(root, **{'ann_file': 'imageclasslist.txt', 'data_prefix': prefix, **kwargs})


def infos(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def expected(name):
    classes = (
        'Bicycle',
        'Boat',
        'Bottle',
        'Bus',
        'Car',
        'Cat',
        'Chair',
        'Cup',
        'Dog',
        'Motorbike',
        'People',
        'Table',
    )
    return [
        dict(bbox=corners, bbox_label=classes.index(label), ignore_flag=0)
        for label, *corners in BOXES[name]
    ]


def test_the_voc_layout_gives_paths_sizes_and_boxes(voc_tree):
    first, second = infos(build(voc_tree))
    assert first['img_path'] == str(voc_tree / 'JPEGImages' / '1.jpg')
    assert (first['img_id'], first['width'], first['height']) == ('1.jpg', 64, 48)
    assert first['instances'] == expected('1.jpg')
    assert second['instances'] == expected('2.png')


def test_the_authors_layout_gives_the_same_boxes_and_the_light(official_tree):
    first, second = infos(official(official_tree, split='train'))
    assert first['img_path'] == str(official_tree / 'ExDark/Bus/1.JPG')
    assert (first['width'], first['height']) == (64, 48)
    assert first['instances'] == expected('1.jpg')
    assert second['instances'] == expected('2.png')
    assert [(i['lighting'], i['environment'], i['image_class']) for i in (first, second)] == [
        ('Low', 'Indoor', 'Bus'),
        ('Twilight', 'Outdoor', 'Dog'),
    ]


def test_annotations_may_stay_in_their_archive(voc_tree, official_tree):
    for folder in ('Annotations', 'ExDark_Annno'):
        shutil.make_archive(voc_tree / folder, 'zip', voc_tree, folder)
        shutil.rmtree(voc_tree / folder)
    prefix = dict(img_path='JPEGImages', ann_path='Annotations.zip')
    assert infos(build(voc_tree, data_prefix=prefix))[0]['instances'] == (expected('1.jpg'))
    prefix = dict(img_path='ExDark', ann_path='ExDark_Annno.zip')
    assert infos(official(voc_tree, data_prefix=prefix))[0]['instances'] == (expected('1.jpg'))


@pytest.mark.parametrize(
    'name, kwargs', [('imageclasslist.txt', {}), ('kinds.txt', dict(class_list='kinds.txt'))]
)
def test_light_comes_to_a_plain_list_from_the_list_of_classes(voc_tree, name, kwargs):
    (voc_tree / 'imageclasslist.txt').rename(voc_tree / name)
    (info,) = infos(build(voc_tree, lighting=['Twilight'], **kwargs))
    assert (info['img_id'], info['lighting']) == ('2.png', 'Twilight')


def test_without_a_list_of_classes_no_light_is_told(voc_tree):
    lights = [i['lighting'] for i in infos(build(voc_tree, class_list=''))]
    (voc_tree / 'imageclasslist.txt').unlink()
    lights += [i['lighting'] for i in infos(build(voc_tree))]
    assert lights == [None] * 4
    # Asked for, it must be there.
    with pytest.raises(FileNotFoundError, match='check data_root and class'):
        build(voc_tree, class_list='imageclasslist.txt')


def test_a_list_of_classes_that_lacks_an_image_is_refused(voc_tree):
    (voc_tree / 'imageclasslist.txt').write_text(CLASS_LIST.split('2.png')[0])
    with pytest.raises(
        ValueError, match="1 of 2 .* for example '2.png': complete it, or set class_list=''"
    ):
        build(voc_tree)


@pytest.mark.parametrize(
    'filters, names',
    [
        (dict(lighting='Low'), ['1.JPG']),
        (dict(lighting=['Low', 'Strong']), ['1.JPG', '3.jpg']),
        (dict(environment='Outdoor'), ['2.png', '3.jpg']),
        (dict(split='test'), ['3.jpg']),
        (dict(environment='Outdoor', split='train'), ['2.png']),
    ],
)
def test_filters_choose_by_light_place_and_split(official_tree, filters, names):
    dataset = official(official_tree, **filters)
    assert [info['img_id'] for info in infos(dataset)] == names


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(lighting='Dusk'), "lighting: 'Dusk' is none of Low, Ambient"),
        (dict(split='dev'), "split: 'dev' is none of train, val, test"),
        (dict(lighting='Low', class_list=''), 'needs imageclasslist.txt'),
        (dict(missing_images='ignore'), "missing_images='ignore' is none of"),
        (dict(bad_boxes='keep'), "bad_boxes='keep' is none of error, skip"),
        (dict(data_prefix=dict(img='JPEGImages')), "has no 'img_path'"),
    ],
)
def test_wrong_options_are_refused(voc_tree, kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(voc_tree, **kwargs)


def test_missing_images_are_named_with_the_remedy(voc_tree):
    (voc_tree / 'JPEGImages' / '2.png').unlink()
    with pytest.raises(
        FileNotFoundError,
        match=r'1 of 2 listed images are not in .*JPEGImages: '
        r'check .*missing_images=skip:\s+2.png',
    ):
        build(voc_tree)
    assert [i['img_id'] for i in infos(build(voc_tree, missing_images='skip'))] == ['1.jpg']


def test_annotations_can_be_counted_without_any_image(official_tree):
    shutil.rmtree(official_tree / 'ExDark')
    first, *_ = infos(official(official_tree, missing_images='keep'))
    assert first['instances'] == expected('1.jpg')
    # As large as the boxes need: nothing else tells.
    assert (first['width'], first['height']) == (30, 15)
    with pytest.raises(FileNotFoundError, match='no folder .*ExDark'):
        official(official_tree, missing_images='skip')


@pytest.mark.parametrize(
    'old, new, reason',
    [
        ('<xmax>31<', '<xmax>11<', 'it has no area'),
        ('<xmax>31<', '<xmax>3<', 'comes before the left or upper'),
        ('>Bus<', '>Train<', "'Train' is no class"),
    ],
)
def test_a_bad_box_is_an_error_with_file_and_line_or_left_out(voc_tree, caplog, old, new, reason):
    path = voc_tree / 'Annotations' / '1.jpg.xml'
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(
        ValueError, match=f'1.jpg.xml:1: .*{reason}; correct it, or leave .* bad_boxes=skip'
    ):
        build(voc_tree)
    with caplog.at_level(logging.WARNING):
        dataset = build(voc_tree, bad_boxes='skip')
    assert infos(dataset)[0]['instances'] == expected('1.jpg')[1:]


def test_a_broken_file_is_an_error_even_where_bad_boxes_are_not(voc_tree):
    path = voc_tree / 'Annotations' / '2.png.xml'
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ValueError, match='2.png.xml:1: incomplete XML'):
        build(voc_tree, bad_boxes='skip')


def test_classes_can_be_chosen_and_their_names_are_read_in_any_case(voc_tree):
    path = voc_tree / 'Annotations' / '1.jpg.xml'
    path.write_text(path.read_text().replace('People', 'people'))
    dataset = build(voc_tree, metainfo=dict(classes=('People',)))
    assert [i['bbox_label'] for i in infos(dataset)[0]['instances']] == [0]
    assert infos(dataset)[1]['instances'] == []


def test_training_may_leave_out_empty_and_small_images(voc_tree):
    (voc_tree / 'all.txt').write_text('1.jpg\n2.png\n3.jpg\n')
    kwargs = dict(ann_file='all.txt', filter_cfg=dict(filter_empty_gt=True, min_size=36))
    (voc_tree / 'Annotations/2.png.xml').write_text(
        voc('2.png').replace('<width>36<', '<width>35<')
    )
    assert [i['img_id'] for i in infos(build(voc_tree, **kwargs))] == ['1.jpg']
    assert len(build(voc_tree, test_mode=True, **kwargs)) == 3
    with pytest.raises(ValueError, match='filter_cfg=.* leaves none of the 3'):
        build(voc_tree, ann_file='all.txt', filter_cfg=dict(min_size=50))


@pytest.mark.slow
@pytest.mark.parametrize(
    'name, split',
    [
        ('_base_/datasets/exdark_voc', 'train'),
        ('_base_/datasets/exdark_voc', 'test'),
        ('_base_/datasets/exdark_bbgt', 'train'),
        ('_base_/datasets/exdark_bbgt', 'test'),
        ('detection/tood_r50_exdark', 'test'),
        ('detection/yolox_nano_exdark_frozen', 'test'),
    ],
)
def test_the_configs_give_samples_with_the_light(voc_tree, official_tree, monkeypatch, name, split):
    monkeypatch.setenv('MMSDAG_EXDARK', str(voc_tree))
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    init_default_scope(cfg.get('default_scope', 'mmsdag'))
    dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
    sample = dataset[0]['data_samples']
    if split == 'train':
        assert len(sample.gt_instances.bboxes) == 2
    else:
        assert sample.metainfo['lighting'] == 'Strong'
        assert sample.metainfo['environment'] == 'Outdoor'
        assert sample.img_shape[0] == sample.img_shape[1]


# -- The real annotations ---------------------------------------------------


@pytest.fixture(scope='module')
def real(shared):
    """All 7,363 annotations, by split, without images."""
    return {
        split: infos(
            build(
                shared / 'exdark',
                ann_file=f'{split}.txt',
                data_prefix=dict(img_path='images', ann_path='annotations_voc.zip'),
                missing_images='keep',
                test_mode=True,
            )
        )
        for split in ('train', 'val', 'test')
    }


@pytest.mark.slow
def test_every_real_annotation_is_read_box_by_box(shared, real):
    read = {i['img_id']: i for split in real.values() for i in split}
    with zipfile.ZipFile(shared / 'exdark/annotations_voc.zip') as archive:
        assert len(archive.namelist()) == len(read) == 7363
        for name in archive.namelist():
            # The standard library is trusted with these files alone.
            root = ET.fromstring(archive.read(name))
            info = read[name.removesuffix('.xml')]
            assert info['width'] == int(root.findtext('size/width'))
            assert [i['bbox'] for i in info['instances']] == [
                [
                    int(o.findtext(f'bndbox/{corner}')) - 1
                    for corner in ('xmin', 'ymin', 'xmax', 'ymax')
                ]
                for o in root.iter('object')
            ]


def test_the_real_splits_and_classes_are_those_of_the_documentation(real):
    assert {k: len(v) for k, v in real.items()} == dict(train=3000, val=1800, test=2563)
    boxes = Counter(
        i['bbox_label'] for split in real.values() for info in split for i in info['instances']
    )
    # Counted with `grep -o '<name>Bus'` and so on over the archive.
    assert [boxes[n] for n in range(12)] == [
        1120,
        1389,
        1593,
        706,
        2927,
        909,
        2377,
        1656,
        1018,
        1072,
        7460,
        1483,
    ]
    # Table 1 of the authors' paper counts 7,363 images of ten kinds.
    light = Counter(i['lighting'] for split in real.values() for i in split)
    assert sum(light.values()) == 7363 and len(light) == 10


def test_the_usual_lists_are_the_official_splits(shared, real):
    for split, found in real.items():
        ours = build(
            shared / 'exdark',
            ann_file='imageclasslist.txt',
            split=split,
            data_prefix=dict(img_path='', ann_path='annotations_voc.zip'),
            missing_images='keep',
            test_mode=True,
        )
        assert {i['img_id'].lower() for i in infos(ours)} == {i['img_id'] for i in found}


def test_the_real_photographs_have_their_boxes_inside(shared):
    dataset = build(
        shared / 'exdark',
        ann_file='imageclasslist.txt',
        data_prefix=dict(img_path='../images/exdark', ann_path='annotations_voc.zip'),
        missing_images='skip',
    )
    assert len(dataset) == len(list((shared / 'images' / 'exdark').iterdir()))
    for info in infos(dataset):
        with Image.open(info['img_path']) as image:
            assert image.size == (info['width'], info['height'])
        for instance in info['instances']:
            x1, y1, x2, y2 = instance['bbox']
            assert 0 <= x1 < x2 <= info['width']
            assert 0 <= y1 < y2 <= info['height']
