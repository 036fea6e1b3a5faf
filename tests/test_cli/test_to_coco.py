"""Data sets become COCO JSON; faulty boxes are counted, kept or dropped."""

from __future__ import annotations

import json
import shutil

import pytest
from helpers.exdark import FAULTY
from PIL import Image
from pycocotools.coco import COCO

from mmsdag.cli import to_coco


def convert_exdark(root, *options):
    to_coco.main(
        [
            'exdark',
            str(root / 'out.json'),
            '--images',
            str(root / 'JPEGImages'),
            '--annotations',
            str(root / 'Annotations'),
            '--list',
            str(root / 'list.txt'),
            *options,
        ]
    )
    return json.loads((root / 'out.json').read_text())


def test_exdark_becomes_json_that_pycocotools_reads(exdark):
    convert_exdark(exdark)
    coco = COCO(str(exdark / 'out.json'))
    assert [c['name'] for c in coco.loadCats(coco.getCatIds())] == [
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
    ]
    first, second = coco.loadImgs(coco.getImgIds())
    assert (first['file_name'], first['width'], first['height']) == ('Dog/1.jpg', 60, 40)
    box, *_ = coco.loadAnns(coco.getAnnIds(imgIds=first['id']))
    assert (box['bbox'], box['area'], box['iscrowd']) == ([1, 2, 10, 20], 200, 0)
    assert coco.loadCats(box['category_id'])[0]['name'] == 'Dog'
    assert coco.getAnnIds(imgIds=second['id']) == []


# By default boxes outside stay; those without area, of an unknown class and
# of missing images go.
@pytest.mark.parametrize(
    'options, kept',
    [
        ([], ['good', 'outside', 'far']),
        (['--outside', 'drop'], ['good']),
        (['--zero-area', 'keep'], ['good', 'outside', 'far', 'zero', 'inverted']),
        (['--unknown-class', 'keep'], ['good', 'outside', 'far', 'unknown']),
    ],
)
def test_what_fails_a_check_is_kept_or_dropped(exdark, options, kept):
    data = convert_exdark(exdark, *options)
    corners = [FAULTY[name][1:] for name in kept]
    assert [a['bbox'] for a in data['annotations']] == [
        [x1, y1, max(x2 - x1, 0), y2 - y1] for x1, y1, x2, y2 in corners
    ]


def test_boxes_outside_can_be_cut_to_the_image(exdark):
    data = convert_exdark(exdark, '--outside', 'clip')
    # The box from 50, 30 to 70, 40 ends at 60; nothing is left of the far.
    assert [a['bbox'] for a in data['annotations']] == [[1, 2, 10, 20], [50, 30, 10, 10]]


def test_a_kept_unknown_class_becomes_the_last_category(exdark):
    data = convert_exdark(exdark, '--unknown-class', 'keep')
    assert data['categories'][-1] == dict(id=13, name='Yeti')
    assert data['annotations'][-1]['category_id'] == 13
    assert data['annotations'][-1]['iscrowd'] == 1  # VOC: difficult


@pytest.mark.parametrize('option, count', [('drop', 2), ('keep', 3)])
def test_missing_images_are_kept_or_dropped(exdark, option, count):
    data = convert_exdark(exdark, '--missing-image', option)
    assert len(data['images']) == count


def test_findings_are_counted_and_named_with_file_and_line(exdark, capsys):
    convert_exdark(exdark, '--report', str(exdark / 'report.txt'))
    said = capsys.readouterr().out
    assert '2 images, 3 boxes, 12 classes' in said
    counts = {
        line.split()[0]: line.split()[1:]
        for line in said.splitlines()
        if line.startswith('  ') and not line.startswith('   ')
    }
    assert counts == {
        'outside': ['2', 'kept'],
        'zero-area': ['2', 'dropped'],
        'unknown-class': ['1', 'dropped'],
        'missing-image': ['1', 'dropped'],
    }
    assert '1.jpg.xml:3: Dog [50.0, 30.0, 70.0, 40.0] in 60x40' in said
    report = (exdark / 'report.txt').read_text().splitlines()
    assert len(report) == 6
    assert report[-1] == 'missing-image\t3.jpg'


def test_lighting_and_split_choose_and_go_along(exdark):
    options = [
        '--class-list',
        str(exdark / 'imageclasslist.txt'),
        '--split',
        'train',
        '--lighting',
        'Ambient',
        'Object',
    ]
    (image,) = convert_exdark(exdark, *options)['images']
    assert (image['file_name'], image['lighting'], image['environment']) == (
        'Dog/2.png',
        'Ambient',
        'Indoor',
    )


def test_without_images_sizes_come_from_the_annotations(exdark, capsys):
    shutil.rmtree(exdark / 'JPEGImages')
    to_coco.main(
        [
            'exdark',
            str(exdark / 'out.json'),
            '--annotations',
            str(exdark / 'Annotations'),
            '--list',
            str(exdark / 'list.txt'),
        ]
    )
    data = json.loads((exdark / 'out.json').read_text())
    assert [i['file_name'] for i in data['images']] == ['1.jpg', '2.png', '3.jpg']


def test_a_text_annotation_without_its_image_has_no_size(tmp_path, capsys):
    (tmp_path / '1.jpg.txt').write_text('% bbGt version=3\n')
    (tmp_path / 'list.txt').write_text('1.jpg\n')
    with pytest.raises(SystemExit):
        to_coco.main(
            [
                'exdark',
                str(tmp_path / 'out.json'),
                '--annotations',
                str(tmp_path),
                '--list',
                str(tmp_path / 'list.txt'),
            ]
        )
    assert 'does not give the size of 1.jpg' in capsys.readouterr().err


def test_an_error_leaves_the_old_file_as_it_was(exdark, capsys):
    (exdark / 'out.json').write_text('old')
    (exdark / 'Annotations' / '2.png.xml').write_text('<annotation>\n<')
    with pytest.raises(SystemExit) as stop:
        convert_exdark(exdark)
    assert stop.value.code == 2
    assert '2.png.xml:2: incomplete XML' in capsys.readouterr().err
    assert (exdark / 'out.json').read_text() == 'old'
    assert not list(exdark.glob('.out*'))


def test_nothing_is_written_if_no_image_is_left(exdark, capsys):
    shutil.rmtree(exdark / 'JPEGImages' / 'Dog')
    with pytest.raises(SystemExit):
        convert_exdark(exdark)
    said = capsys.readouterr().err
    assert 'no image is left' in said and 'missing-image      3' in said
    assert not (exdark / 'out.json').exists()


@pytest.fixture
def faces(tmp_path):
    for folder in ('image', 'label'):
        (tmp_path / folder).mkdir()
    for n in (1, 2, 10):
        Image.new('RGB', (60, 40)).save(tmp_path / f'image/{n}.png')
        (tmp_path / f'label/{n}.txt').write_text(f'1\n1 2 {n + 2} 22\n')
    return tmp_path


def test_dark_face_is_converted_by_a_range_of_numbers(faces):
    to_coco.main(
        [
            'dark-face',
            str(faces / 'out.json'),
            '--images',
            str(faces / 'image'),
            '--annotations',
            str(faces / 'label'),
            '--numbers',
            '2:',
        ]
    )
    data = json.loads((faces / 'out.json').read_text())
    assert [i['file_name'] for i in data['images']] == ['2.png', '10.png']
    assert [a['bbox'] for a in data['annotations']] == [[1, 2, 3, 20], [1, 2, 11, 20]]
    assert data['categories'] == [dict(id=1, name='face')]


@pytest.mark.parametrize('text', ['7', 'a:b', '1:2:3', '-1:'])
def test_a_range_that_is_none_is_refused(text, capsys):
    with pytest.raises(SystemExit):
        to_coco.parse_args(['dark-face', 'out.json', '--annotations', '.', f'--numbers={text}'])
    assert 'is not of the form FIRST:LAST' in capsys.readouterr().err


@pytest.fixture
def brackets(tmp_path):
    data = dict(
        images=[dict(id=n, file_name=f'{n}.jpg', width=32, height=24) for n in (2, 5, 6)],
        annotations=[
            dict(
                id=n,
                image_id=n,
                category_id=18,
                bbox=[1, 2, 3, 4],
                area=12,
                iscrowd=0,
                score=n / 10,
            )
            for n in (2, 5, 6)
        ],
        categories=[dict(id=18, name='dog'), dict(id=40, name='cup')],
    )
    (tmp_path / 'dark.json').write_text(json.dumps(data))
    (tmp_path / 'scenes.json').write_text(
        json.dumps([dict(images=['1.jpg', '2.jpg']), dict(images=['4.jpg', '5.jpg', '6.jpg'])])
    )
    return tmp_path


def test_brackets_are_split_by_scene(brackets):
    to_coco.main(
        [
            'brackets',
            str(brackets / 'out.json'),
            '--annotations',
            str(brackets / 'dark.json'),
            '--scenes',
            str(brackets / 'scenes.json'),
            '--numbers',
            '4:',
        ]
    )
    data = json.loads((brackets / 'out.json').read_text())
    names = {i['id']: i['file_name'] for i in data['images']}
    assert list(names.values()) == ['5.jpg', '6.jpg']
    assert [(names[a['image_id']], a['score']) for a in data['annotations']] == [
        ('5.jpg', 0.5),
        ('6.jpg', 0.6),
    ]
    assert [c['name'] for c in data['categories']] == ['dog', 'cup']


def test_brackets_need_the_scenes_for_a_range(brackets, capsys):
    with pytest.raises(SystemExit):
        to_coco.main(
            [
                'brackets',
                str(brackets / 'out.json'),
                '--annotations',
                str(brackets / 'dark.json'),
                '--numbers',
                '4:',
            ]
        )
    assert '--numbers needs the list of the scenes' in capsys.readouterr().err


@pytest.mark.parametrize(
    'argv, taught',
    [
        (
            ['--help'],
            [
                'examples:',
                'to_coco.py exdark data/exdark/train.json',
                'checks:',
                'reaches beyond the image',
            ],
        ),
        (
            ['exdark', '--help'],
            [
                '--outside {keep,clip,drop}',
                'default: keep',
                'zip archive of the annotations',
                'Twilight',
            ],
        ),
    ],
)
def test_the_help_teaches(argv, taught, capsys):
    with pytest.raises(SystemExit) as stop:
        to_coco.main(argv)
    assert stop.value.code == 0
    said = ' '.join(capsys.readouterr().out.split())
    assert all(text in said for text in taught)
