from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

ROOT = Path(__file__).parents[2]

# What is wrong, and the corners, counted from 0, of boxes in 60x40 pixels.
FAULTY = dict(
    good=('Dog', 1, 2, 11, 22),
    outside=('Dog', 50, 30, 70, 40),
    far=('Dog', 70, 50, 80, 60),
    zero=('Dog', 5, 5, 5, 9),
    inverted=('Dog', 9, 5, 5, 9),
    unknown=('Yeti', 1, 1, 9, 9))


def load(name):
    spec = importlib.util.spec_from_file_location(
        f'{name}_for_tests', ROOT / 'tools/dataset_converters' / f'{name}.py')
    tool = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, tool)  # for its dataclasses
        spec.loader.exec_module(tool)
    return tool


to_coco = load('to_coco')


@pytest.fixture
def exdark(tmp_path):
    """Three listed images, of which the last is not there."""
    (tmp_path / 'Annotations').mkdir()
    (tmp_path / 'JPEGImages' / 'Dog').mkdir(parents=True)
    for name, boxes in (('1.jpg', FAULTY.values()), ('2.png', []),
                        ('3.jpg', [])):
        objects = ''.join(
            f'<object><name>{label}</name><difficult>{label == "Yeti":d}'
            f'</difficult><bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin>'
            f'<xmax>{x2 + 1}</xmax><ymax>{y2 + 1}</ymax></bndbox></object>\n'
            for label, x1, y1, x2, y2 in boxes)
        (tmp_path / 'Annotations' / f'{name}.xml').write_text(
            '<annotation><size><width>60</width><height>40</height></size>\n'
            f'{objects}</annotation>')
        Image.new('RGB', (60, 40)).save(
            tmp_path / 'JPEGImages' / 'Dog' / name)
    (tmp_path / 'JPEGImages/Dog/3.jpg').unlink()
    (tmp_path / 'list.txt').write_text('1.jpg\n2.png\n3.jpg\n')
    (tmp_path / 'imageclasslist.txt').write_text(
        '1.JPG 9 1 1 1\n2.png 9 2 1 1\n3.jpg 9 3 1 2\n')
    return tmp_path


def convert_exdark(root, *options):
    to_coco.main([
        'exdark', str(root / 'out.json'), '--images',
        str(root / 'JPEGImages'), '--annotations', str(root / 'Annotations'),
        '--list', str(root / 'list.txt'), *options
    ])
    return json.loads((root / 'out.json').read_text())


def test_exdark_becomes_json_that_pycocotools_reads(exdark):
    convert_exdark(exdark)
    coco = COCO(str(exdark / 'out.json'))
    assert [c['name'] for c in coco.loadCats(coco.getCatIds())] == [
        'Bicycle', 'Boat', 'Bottle', 'Bus', 'Car', 'Cat', 'Chair', 'Cup',
        'Dog', 'Motorbike', 'People', 'Table']
    first, second = coco.loadImgs(coco.getImgIds())
    assert (first['file_name'], first['width'], first['height']) == (
        'Dog/1.jpg', 60, 40)
    box, *_ = coco.loadAnns(coco.getAnnIds(imgIds=first['id']))
    assert (box['bbox'], box['area'], box['iscrowd']) == (
        [1, 2, 10, 20], 200, 0)
    assert coco.loadCats(box['category_id'])[0]['name'] == 'Dog'
    assert coco.getAnnIds(imgIds=second['id']) == []


# By default boxes outside stay; those without area, of an unknown class and
# of missing images go.
@pytest.mark.parametrize('options, kept', [
    ([], ['good', 'outside', 'far']),
    (['--outside', 'drop'], ['good']),
    (['--zero-area', 'keep'], ['good', 'outside', 'far', 'zero', 'inverted']),
    (['--unknown-class', 'keep'], ['good', 'outside', 'far', 'unknown'])])
def test_what_fails_a_check_is_kept_or_dropped(exdark, options, kept):
    data = convert_exdark(exdark, *options)
    corners = [FAULTY[name][1:] for name in kept]
    assert [a['bbox'] for a in data['annotations']] == [
        [x1, y1, max(x2 - x1, 0), y2 - y1] for x1, y1, x2, y2 in corners]


def test_boxes_outside_can_be_cut_to_the_image(exdark):
    data = convert_exdark(exdark, '--outside', 'clip')
    # The box from 50, 30 to 70, 40 ends at 60; nothing is left of the far.
    assert [a['bbox'] for a in data['annotations']] == [
        [1, 2, 10, 20], [50, 30, 10, 10]]


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
        line.split()[0]: line.split()[1:] for line in said.splitlines()
        if line.startswith('  ') and not line.startswith('   ')}
    assert counts == {
        'outside': ['2', 'kept'], 'zero-area': ['2', 'dropped'],
        'unknown-class': ['1', 'dropped'], 'missing-image': ['1', 'dropped']}
    assert '1.jpg.xml:3: Dog [50.0, 30.0, 70.0, 40.0] in 60x40' in said
    report = (exdark / 'report.txt').read_text().splitlines()
    assert len(report) == 6
    assert report[-1] == 'missing-image\t3.jpg'


def test_lighting_and_split_choose_and_go_along(exdark):
    options = ['--class-list', str(exdark / 'imageclasslist.txt'),
               '--split', 'train', '--lighting', 'Ambient', 'Object']
    image, = convert_exdark(exdark, *options)['images']
    assert (image['file_name'], image['lighting'], image['environment']) == (
        'Dog/2.png', 'Ambient', 'Indoor')


def test_without_images_sizes_come_from_the_annotations(exdark, capsys):
    shutil.rmtree(exdark / 'JPEGImages')
    to_coco.main([
        'exdark', str(exdark / 'out.json'), '--annotations',
        str(exdark / 'Annotations'), '--list', str(exdark / 'list.txt')])
    data = json.loads((exdark / 'out.json').read_text())
    assert [i['file_name'] for i in data['images']] == [
        '1.jpg', '2.png', '3.jpg']


def test_a_text_annotation_without_its_image_has_no_size(tmp_path, capsys):
    (tmp_path / '1.jpg.txt').write_text('% bbGt version=3\n')
    (tmp_path / 'list.txt').write_text('1.jpg\n')
    with pytest.raises(SystemExit):
        to_coco.main([
            'exdark', str(tmp_path / 'out.json'), '--annotations',
            str(tmp_path), '--list', str(tmp_path / 'list.txt')])
    assert 'does not say how large 1.jpg is' in capsys.readouterr().err


def test_an_error_leaves_the_old_file_as_it_was(exdark, capsys):
    (exdark / 'out.json').write_text('old')
    (exdark / 'Annotations' / '2.png.xml').write_text('<annotation>\n<')
    with pytest.raises(SystemExit) as stop:
        convert_exdark(exdark)
    assert stop.value.code == 2
    assert '2.png.xml:2: no complete XML' in capsys.readouterr().err
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
    to_coco.main([
        'dark-face', str(faces / 'out.json'), '--images',
        str(faces / 'image'), '--annotations', str(faces / 'label'),
        '--numbers', '2:'])
    data = json.loads((faces / 'out.json').read_text())
    assert [i['file_name'] for i in data['images']] == ['2.png', '10.png']
    assert [a['bbox'] for a in data['annotations']] == [
        [1, 2, 3, 20], [1, 2, 11, 20]]
    assert data['categories'] == [dict(id=1, name='face')]


@pytest.mark.parametrize('text', ['7', 'a:b', '1:2:3', '-1:'])
def test_a_range_that_is_none_is_refused(text, capsys):
    with pytest.raises(SystemExit):
        to_coco.parse_args(
            ['dark-face', 'out.json', '--annotations', '.',
             f'--numbers={text}'])
    assert 'is no FIRST:LAST' in capsys.readouterr().err


@pytest.fixture
def brackets(tmp_path):
    data = dict(
        images=[dict(id=n, file_name=f'{n}.jpg', width=32, height=24)
                for n in (2, 5, 6)],
        annotations=[
            dict(id=n, image_id=n, category_id=18, bbox=[1, 2, 3, 4], area=12,
                 iscrowd=0, score=n / 10) for n in (2, 5, 6)
        ],
        categories=[dict(id=18, name='dog'), dict(id=40, name='cup')])
    (tmp_path / 'dark.json').write_text(json.dumps(data))
    (tmp_path / 'scenes.json').write_text(json.dumps(
        [dict(images=['1.jpg', '2.jpg']),
         dict(images=['4.jpg', '5.jpg', '6.jpg'])]))
    return tmp_path


def test_brackets_are_split_by_scene(brackets):
    to_coco.main([
        'brackets', str(brackets / 'out.json'), '--annotations',
        str(brackets / 'dark.json'), '--scenes',
        str(brackets / 'scenes.json'), '--numbers', '4:'])
    data = json.loads((brackets / 'out.json').read_text())
    names = {i['id']: i['file_name'] for i in data['images']}
    assert list(names.values()) == ['5.jpg', '6.jpg']
    assert [(names[a['image_id']], a['score']) for a in data['annotations']
            ] == [('5.jpg', 0.5), ('6.jpg', 0.6)]
    assert [c['name'] for c in data['categories']] == ['dog', 'cup']


def test_brackets_need_the_scenes_for_a_range(brackets, capsys):
    with pytest.raises(SystemExit):
        to_coco.main([
            'brackets', str(brackets / 'out.json'), '--annotations',
            str(brackets / 'dark.json'), '--numbers', '4:'])
    assert '--numbers needs the list of the scenes' in capsys.readouterr().err


@pytest.mark.parametrize('argv, taught', [
    (['--help'], ['examples:', 'to_coco.py exdark data/exdark/train.json',
                  'checks:', 'reaches beyond the image']),
    (['exdark', '--help'], ['--outside {keep,clip,drop}', 'default: keep',
                            'zip archive of the annotations', 'Twilight'])])
def test_the_help_teaches(argv, taught, capsys):
    with pytest.raises(SystemExit) as stop:
        to_coco.main(argv)
    assert stop.value.code == 0
    said = ' '.join(capsys.readouterr().out.split())
    assert all(text in said for text in taught)


# -- verify.py --------------------------------------------------------------


@pytest.fixture(scope='module')
def verify():
    return load('verify')


def run_verify(verify, root, *more):
    verify.main([
        'exdark_voc', '--dataset-options', f'data_root={root}',
        'ann_file=list.txt', 'bad_boxes=skip', *more])


def test_verify_counts_boxes_and_light_by_split(verify, exdark, capsys):
    (exdark / 'list.txt').write_text('1.jpg\n2.png\n')
    run_verify(verify, exdark)
    said = capsys.readouterr().out
    for row in ('| class (boxes) | train | val | test | all |',
                '| images | 2 | 2 | 2 | 6 |', '| Dog | 3 | 3 | 3 | 9 |',
                '| (11 classes that do not occur) | 0 | 0 | 0 | 0 |',
                '| all boxes | 3 | 3 | 3 | 9 |',
                '| Ambient | 1 | 1 | 1 | 3 |', '| Low | 1 | 1 | 1 | 3 |',
                'train: 2 of 2 images are there, 2 of them whole'):
        assert row in said


def test_verify_names_images_that_are_missing_broken_or_of_another_size(
        verify, exdark, capsys):
    folder = exdark / 'JPEGImages' / 'Dog'
    (folder / '1.jpg').write_bytes((folder / '1.jpg').read_bytes()[:300])
    Image.new('RGB', (40, 60)).save(folder / '2.png')
    run_verify(verify, exdark, 'missing_images=keep')
    said = capsys.readouterr().out
    assert 'test: 2 of 3 images are there, 0 of them whole' in said
    assert '2.png: 40x60, but the annotation says 60x40' in said
    assert f'{folder / "1.jpg"}: ' in said


def test_verify_draws_the_boxes(verify, exdark, tmp_path):
    path = exdark / 'Annotations' / '1.jpg.xml'
    lines = path.read_text().splitlines()
    path.write_text('\n'.join([lines[0], lines[1], lines[-1]]))
    (exdark / 'list.txt').write_text('1.jpg\n')
    run_verify(verify, exdark, '--sheet', str(tmp_path / 'sheet.jpg'),
               '--side', '60', '--pictures', '1')
    picture = cv2.imread(str(tmp_path / 'sheet.jpg'))
    assert picture.shape == (18 + 60, 3 * 60, 3)  # the three splits
    # The image is black but for the box from 1, 2 to 11, 22 and its name.
    photo = picture[18:58, :60].max(2) > 100
    assert photo[2:22, 11].mean() > 0.7 and photo[22, 1:11].mean() > 0.7
    assert not photo[30:, 20:].any()


def test_verify_counts_and_draws_masks(verify, tmp_path, capsys):
    # The layout of a plain mmseg data set: 2 rows of 'sky' above 2 of 'road'.
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
    verify.main([str(tmp_path / 'config.py'), '--sheet',
                 str(tmp_path / 'sheet.jpg'), '--side', '50'])
    said = capsys.readouterr().out
    for row in ('| class (pixels) | test |', '| road | 8 |', '| sky | 8 |',
                '| not labelled | 4 |'):
        assert row in said
    picture = cv2.imread(str(tmp_path / 'sheet.jpg')).astype(int)
    # Half the palette's colours over black, in BGR; JPEG blurs a little.
    assert np.abs(picture[18 + 5, 20] - (0, 100, 0)).max() < 30
    assert np.abs(picture[18 + 25, 20] - (0, 0, 100)).max() < 30


def test_data_sets_that_repeat_or_join_others_are_taken_apart(verify):
    a, b = dict(type='A'), dict(type='B')
    cfg = dict(type='RepeatDataset', dataset=dict(
        type='ConcatDataset', datasets=[a, dict(type='X', dataset=b)]))
    assert list(verify.leaves(cfg)) == [a, b]


def test_verify_lists_what_it_knows(verify, capsys):
    with pytest.raises(SystemExit):
        verify.main(['no_such_data'])
    said = capsys.readouterr().err
    assert "'no_such_data' is neither" in said and 'dark_face' in said
