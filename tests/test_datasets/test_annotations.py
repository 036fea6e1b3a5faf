"""Parsers of annotations, on good files, bad files and noise.

The noise is drawn by hypothesis. For a longer hunt:
MMSDAG_FUZZ_EXAMPLES=100000 pytest tests/test_datasets/test_annotations.py
"""

from __future__ import annotations

import json
import math
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmsdag.datasets.annotations import (
    MAX_COORDINATE,
    Annotation,
    AnnotationError,
    Box,
    parse_bbgt,
    parse_coco,
    parse_dark_face,
    parse_image_list,
    parse_voc,
    read_bytes,
)

VOC = b"""<annotation>
  <size><width>640</width><height>480</height><depth>3</depth></size>
  <object>
    <name>Dog</name><difficult>0</difficult>
    <part><name>head</name><bndbox><xmin>9</xmin></bndbox></part>
    <bndbox>
      <xmin>11</xmin><ymin>21</ymin><xmax>31.5</xmax><ymax>41</ymax>
    </bndbox>
  </object>
  <object>
    <name>Cat</name><difficult>1</difficult>
    <bndbox>
      <ymax>4</ymax><xmax>3</xmax><ymin>2</ymin><xmin>1</xmin>
    </bndbox>
  </object>
</annotation>
"""
BBGT = b"""% bbGt version=3
Dog 11 21 20 20 0 0 0 0 0 0 0
Cat 1 2 2 2 0 0 0 0 0 0 0
"""
FACES = b'2\n790 382 802 403\n783 391 791 408\n'
IMAGES = b"""Name | Class | Light | In/Out | Train/Val/Test\r
2015_00001.png 1 2 1 1\r
2015_00024.JPG 12 10 2 3\r
"""
COCO = json.dumps(
    dict(
        images=[dict(id=7, file_name='a.jpg', width=8, height=6)],
        categories=[dict(id=1, name='dog')],
        annotations=[dict(id=1, image_id=7, category_id=1, bbox=[1, 2, 3, 4], area=12)],
    )
).encode()
PARSERS = {
    parse_voc: VOC,
    parse_bbgt: BBGT,
    parse_dark_face: FACES,
    parse_image_list: IMAGES,
    parse_coco: COCO,
}


def obj(**corners):
    box = ''.join(
        f'<{k}>{v}</{k}>'
        for k, v in {'xmin': 1, 'ymin': 1, 'xmax': 2, 'ymax': 2, **corners}.items()
    )
    return (
        f'<annotation>\n<object><name>Dog</name><bndbox>{box}</bndbox></object></annotation>'
    ).encode()


def test_voc_corners_count_from_one_and_parts_do_not_matter():
    assert parse_voc(VOC, 'a.xml') == Annotation(
        [Box('Dog', (10, 20, 30.5, 40), 3), Box('Cat', (0, 1, 2, 3), 10, difficult=True)],
        (640, 480),
    )


def test_a_voc_size_of_zero_is_not_known():
    content = VOC.replace(b'640', b'0')
    assert parse_voc(content, 'a.xml').size is None


def test_bbgt_has_corner_and_size_and_counts_from_one():
    assert parse_bbgt(BBGT, 'a.txt') == Annotation(
        [Box('Dog', (10, 20, 30, 40), 2), Box('Cat', (0, 1, 2, 3), 3)]
    )


def test_bbgt_without_objects_is_an_image_of_none():
    assert parse_bbgt(b'% bbGt version=3\n', 'a.txt') == Annotation()


def test_dark_face_corners_are_taken_as_they_stand():
    assert parse_dark_face(FACES, '1.txt').boxes == [
        Box('face', (790, 382, 802, 403), 2),
        Box('face', (783, 391, 791, 408), 3),
    ]


def test_a_list_of_classes_tells_label_light_place_and_split():
    first, second = parse_image_list(IMAGES, 'imageclasslist.txt')
    assert (first.name, first.label, first.lighting, first.environment, first.split) == (
        '2015_00001.png',
        'Bicycle',
        'Ambient',
        'Indoor',
        'train',
    )
    assert (second.name, second.label, second.lighting, second.environment, second.split) == (
        '2015_00024.JPG',
        'Table',
        'Twilight',
        'Outdoor',
        'test',
    )


def test_a_plain_list_tells_names_even_with_blanks():
    listed = parse_image_list(b'\xef\xbb\xbfa 1.png\n\nb/c.jpg', 'train.txt')
    assert [(i.name, i.line, i.split) for i in listed] == [
        ('a 1.png', 1, None),
        ('b/c.jpg', 3, None),
    ]


def test_good_coco_annotations_come_back():
    assert parse_coco(COCO, 'a.json') == json.loads(COCO)


# Nine entities of ten each: 10^9 copies of the first.
BOMB = (
    '<!DOCTYPE a [<!ENTITY e0 "boom">'
    + ''.join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    + ']><annotation>&e9;</annotation>'
).encode()
QUADRATIC = (
    b'<!DOCTYPE a [<!ENTITY e "'
    + b'x' * 100_000
    + b'">]><annotation>'
    + b'&e;' * 100_000
    + b'</annotation>'
)
EXTERNAL = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><annotation>&e;</annotation>'
FOREIGN_DTD = b'<!DOCTYPE a SYSTEM "http://example.com/a.dtd"><annotation/>'


@pytest.mark.parametrize(
    'content',
    [BOMB, QUADRATIC, EXTERNAL, FOREIGN_DTD],
    ids=['bomb', 'quadratic', 'external', 'dtd'],
)
def test_document_types_are_refused_at_once(content):
    start = time.perf_counter()
    with pytest.raises(AnnotationError, match='^a.xml:1: .*are refused'):
        parse_voc(content, 'a.xml')
    assert time.perf_counter() - start < 10


def test_a_tower_of_elements_is_refused_at_once():
    # With each level as slow as it is high, it would take hours.
    content = b'<annotation>' + b'<a>' * 1_000_000
    start = time.perf_counter()
    with pytest.raises(AnnotationError, match='more elements in elements'):
        parse_voc(content, 'a.xml')
    assert time.perf_counter() - start < 10


def test_many_small_pieces_are_read_in_linear_time():
    content = b'<annotation><object><name>' + b'&amp;' * 500_000 + b'</name></object></annotation>'
    start = time.perf_counter()
    with pytest.raises(AnnotationError, match='object without <xmin>'):
        parse_voc(content, 'a.xml')
    assert time.perf_counter() - start < 10


def test_a_twin_among_many_is_found_in_linear_time():
    images = [dict(id=n) for n in range(200_000)] + [dict(id=199_999)]
    content = json.dumps(dict(images=images)).encode()
    start = time.perf_counter()
    with pytest.raises(AnnotationError, match='image 199999 is there twice'):
        parse_coco(content, 'a.json')
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    'content, line, reason',
    [
        (b'', 1, 'incomplete XML'),
        (VOC[:300], 8, 'incomplete XML'),
        (b'<html><body>not found</body></html>', 1, '<html> is not a VOC'),
        (b'<annotation>&e;</annotation>', 1, 'undefined entity'),
        (
            '<?xml version="1.0" encoding="utf-8"?><annotation>Ä</annotation>'.encode('latin-1'),
            1,
            'incomplete XML',
        ),
        (
            b'<?xml version="1.0" encoding="martian"?><annotation/>',
            1,
            'cannot be decoded|unknown encoding',
        ),
        (VOC.decode().encode('utf-16')[:-1], 16, 'incomplete XML'),
        (VOC.replace(b'<name>Cat</name>', b''), 10, 'object without <name>'),
        (VOC.replace(b'<xmin>1</xmin>', b''), 10, 'object without <xmin>'),
        (VOC.replace(b'<xmin>1</xmin>', b'<xmin>1</xmin><xmin>2</xmin>'), 13, 'a second <xmin>'),
        (VOC.replace(b'640', b'wide'), 2, "width is 'wide'"),
        (obj(xmax='nan'), 2, "xmax is 'nan', which is not a number of pixels"),
        (obj(xmax='inf'), 2, "xmax is 'inf'"),
        (obj(xmax='1e999'), 2, "xmax is '1e999'"),
        (obj(xmax='1_0'), 2, "xmax is '1_0'"),
        (obj(xmax='٣'), 2, "xmax is '٣'"),
        (obj(xmax='10000001'), 2, "xmax is '10000001'"),
        (obj(xmax='9' * 100_000), 2, r"xmax is '9{40}…'"),
    ],
)
def test_a_broken_voc_file_gives_one_error_with_its_line(content, line, reason):
    with pytest.raises(AnnotationError, match=reason) as error:
        parse_voc(content, 'a.xml')
    assert str(error.value).startswith(f'a.xml:{line}: ')


def test_utf_16_and_declared_legacy_encodings_are_read():
    text = VOC.decode().replace('Dog', 'Hündin')
    legacy = '<?xml version="1.0" encoding="cp1252"?>' + text
    for content in (text.encode('utf-16'), text.encode('utf-16-le'), legacy.encode('cp1252')):
        assert parse_voc(content, 'a.xml').boxes[0].name == 'Hündin'


@pytest.mark.parametrize(
    'content, line, reason',
    [
        (b'', 1, "must start with '% bbGt version=3', not ''"),
        (b'% bbGt version=2\n', 1, 'must start with'),
        (BBGT[:40], 2, '9 columns'),
        (b'% bbGt version=3\nDog 1 2 nan 4\n', 2, "column is 'nan'"),
        (b'% bbGt version=3\n\nDog 1 2 3 x\n', 3, "column is 'x'"),
        (b'% bbGt version=3\r\nD\xff 1 2 3 4\r\n', 2, 'not UTF-8'),
        ('% bbGt version=3\n'.encode('utf-16'), 1, 'not UTF-8'),
    ],
)
def test_a_broken_bbgt_file_gives_one_error_with_its_line(content, line, reason):
    with pytest.raises(AnnotationError, match=reason) as error:
        parse_bbgt(content, 'a.txt')
    assert str(error.value).startswith(f'a.txt:{line}: ')


@pytest.mark.parametrize(
    'content, line, reason',
    [
        (b'', 1, "must start with the count of the faces, not ''"),
        (b'-1\n', 1, 'must start with the count'),
        # Found by the noise below: strip() takes \x1c off, int() does not.
        (b'\x1c0', 1, 'must start with the count'),
        (b'3\n790 382 802 403\n', 1, '3 faces announced, 1 there'),
        (b'2\n790 382 802 403\n783 39', 3, '2 columns'),
        (b'1\n790 382 802 inf\n', 2, "column is 'inf'"),
    ],
)
def test_a_broken_dark_face_file_gives_one_error_with_its_line(content, line, reason):
    with pytest.raises(AnnotationError, match=reason) as error:
        parse_dark_face(content, '1.txt')
    assert str(error.value).startswith(f'1.txt:{line}: ')


@pytest.mark.parametrize(
    'content, line, reason',
    [
        (b'a.png 1 2 1 1\na.png 13 2 1 1\n', 2, 'label 13 is not in 1 to 12'),
        (b'a.png 1 11 1 1\n', 1, 'lighting 11 is not in 1 to 10'),
        (b'a.png 1 1 0 1\n', 1, 'environment 0 is not in 1 to 2'),
        (b'a.png 1 1 1 4\n', 1, 'split 4 is not in 1 to 3'),
        (b'a.png\nb.png\nA.PNG\n', 3, "'A.PNG' is listed twice, .* line 1"),
        (b'a.png\n\x00\x01\n', 2, 'is not a file name'),
    ],
)
def test_a_broken_list_gives_one_error_with_its_line(content, line, reason):
    with pytest.raises(AnnotationError, match=reason) as error:
        parse_image_list(content, 'list.txt')
    assert str(error.value).startswith(f'list.txt:{line}: ')


@pytest.mark.parametrize(
    'old, new, reason',
    [
        (b'"images"', b'"imgs"', "KeyError: 'images'"),
        (b'"width": 8', b'"width": 0', 'image 7: it has no area'),
        (b'"width": 8', b'"width": "8"', 'not COCO annotations'),
        (b'"a.jpg"', b'["a"]', 'file_name is not a text'),
        (b'"dog"', b'3', 'name is not a text'),
        (b'"image_id": 7', b'"image_id": 8', 'there is no image 8'),
        (b'"category_id": 1', b'"category_id": 2', 'there is no category 2'),
        (b'[1, 2, 3, 4]', b'[1, 2, 3]', 'not COCO annotations'),
        (b'[1, 2, 3, 4]', b'[1, 2, -3, 4]', 'negative width or height'),
        (b'[1, 2, 3, 4]', b'[1, 2, NaN, 4]', 'NaN is not valid in JSON'),
        (b'[1, 2, 3, 4]', b'[1, 2, 1e999, 4]', 'is outside of any image'),
        (b'"area": 12', b'"area": -1', 'its area is negative'),
        (b'}]}', b'}', 'incomplete JSON'),
        (b'[1, 2, 3, 4]', b'[' * 100_000, r'not JSON \(.*recursion'),
        (b'"area": 12', b'"area": ' + b'9' * 5000, r'not JSON \(.*digits'),
        (b'a.jpg', b'\xff.jpg', 'not JSON'),
    ],
)
def test_broken_coco_annotations_give_one_error(old, new, reason):
    assert old in COCO
    with pytest.raises(AnnotationError, match=reason) as error:
        parse_coco(COCO.replace(old, new), 'a.json')
    assert str(error.value).startswith('a.json')


@pytest.mark.parametrize(
    'bbox, fault',
    [
        ((0, 0, 1, 1), None),
        ((0, 0, 0, 1), 'no area'),
        ((0, 2, 1, 2), 'no area'),
        ((3, 0, 1, 1), 'comes before'),
        ((0, 3, 1, 1), 'comes before'),
    ],
)
def test_a_box_knows_what_is_wrong_with_it(bbox, fault):
    found = Box('Dog', bbox, 1).fault
    assert found is None if fault is None else fault in found


def test_a_file_above_the_limit_is_not_read(tmp_path):
    path = tmp_path / 'a.xml'
    path.write_bytes(bytes(101))
    assert read_bytes(path, 101) == bytes(101)
    with pytest.raises(AnnotationError, match='larger than 100 bytes'):
        read_bytes(path, 100)


def test_devices_and_pipes_are_not_read(tmp_path):
    os.mkfifo(tmp_path / 'pipe.xml')
    for path in ('/dev/zero', tmp_path / 'pipe.xml', tmp_path):
        with pytest.raises(FileNotFoundError, match='is not a file'):
            read_bytes(path)


# -- Noise ------------------------------------------------------------------

fuzz = settings(
    max_examples=int(os.environ.get('MMSDAG_FUZZ_EXAMPLES', 50)),
    deadline=10_000,
    derandomize='CI' in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

PIECES = [
    b'',
    b'\0',
    b'\xff',
    b'\xef\xbb\xbf',
    b'\n',
    b'\r',
    b' ',
    b'-',
    b'.',
    b'e',
    b'nan',
    b'inf',
    b'1e308',
    b'9' * 30,
    b'\xd9\xa3',
    b'<',
    b'>',
    b'&',
    b'&#0;',
    b'&#x110000;',
    b'<![CDATA[',
    b']]>',
    b'<!--',
    b'-->',
    b'<?xml',
    b'?>',
    b'<!DOCTYPE a [',
    b'<!ENTITY a "b">',
    b'&a;',
    b'<a',
    b'</a>',
    b'xmlns:a="',
    b'<?xml version="1.0" encoding="utf-16"?>',
    b'<object>',
    b'</object>',
    b'<bndbox>',
    b'</bndbox>',
    b'<xmin>',
    b'</xmin>',
    b'<name/>',
    b'%',
    b'|',
    b'[',
    b'{',
    b'}',
    b']',
    b'"',
    b':',
    b',',
    b'\\',
    b'\\ud800',
    b'null',
    b'true',
    b'-1',
    b'1.5',
    b'{}',
    b'[]',
    b'"id"',
]


@st.composite
def damaged(draw, good):
    """A good file with a few pieces put in, taken out or doubled."""
    content = good
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.integers(0, 12)))
        piece = draw(
            st.one_of(
                st.sampled_from(PIECES), st.binary(max_size=4), st.just(content[start:stop] * 2)
            )
        )
        content = content[:start] + piece + content[stop:]
    return content


def check(parse, content):
    """Whatever it is: sound boxes, or the one error that names the file."""
    try:
        found = parse(content, 'file')
    except AnnotationError as error:
        assert str(error).startswith('file')
        assert len(str(error)) < 400
        assert error.line is None or error.line >= 1
        return
    if isinstance(found, Annotation):
        for box in found.boxes:
            assert all(
                math.isfinite(edge) and abs(edge) <= 2 * MAX_COORDINATE + 1 for edge in box.bbox
            )
            assert box.name and box.line >= 1


@pytest.mark.parametrize('parse', PARSERS)
@given(st.binary(max_size=300))
@fuzz
def test_noise_gives_one_clear_error(parse, content):
    check(parse, content)


@given(damaged(VOC))
@fuzz
def test_damaged_voc_files_give_sound_boxes_or_one_clear_error(content):
    check(parse_voc, content)


@given(damaged(BBGT))
@fuzz
def test_damaged_bbgt_files_give_sound_boxes_or_one_clear_error(content):
    check(parse_bbgt, content)


@given(damaged(FACES))
@fuzz
def test_damaged_dark_face_files_give_sound_boxes_or_one_clear_error(content):
    check(parse_dark_face, content)


@given(damaged(IMAGES))
@fuzz
def test_damaged_lists_give_images_or_one_clear_error(content):
    check(parse_image_list, content)


@given(damaged(COCO))
@fuzz
def test_damaged_coco_gives_annotations_or_one_clear_error(content):
    check(parse_coco, content)
