from __future__ import annotations

import io
import os
import struct
import tempfile
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmsdag.datasets.annotations import (
    EXDARK_PARSERS,
    MAX_IMAGE_BYTES,
    AnnotationError,
    FileIndex,
    ListedImage,
    read_records,
)
from mmsdag.datasets.image_lists import choose, classify, in_range, read_list, scenes_of_images

EMPTY = b'<annotation/>'
BBGT = b'% bbGt version=3\n'


def annotations(root):
    return FileIndex(root, EXDARK_PARSERS, 'data_prefix.ann_path')


def images(root):
    return FileIndex(root, ('.jpg', '.png'), 'data_prefix.img_path')


def pack(path, files, **kwargs):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED, **kwargs) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def listed(*names):
    return [ListedImage(name, n) for n, name in enumerate(names, 1)]


def test_names_are_found_in_any_folder_and_any_case(tmp_path):
    (tmp_path / 'Bus').mkdir()
    (tmp_path / 'Bus' / '1.JPEG.xml').write_bytes(EMPTY)
    index = annotations(tmp_path)
    assert index.find('1.jpeg.XML') == str(tmp_path / 'Bus' / '1.JPEG.xml')
    assert index.find('2.jpeg.xml') is None


def test_one_name_in_two_folders_is_refused_when_it_is_asked_for(tmp_path):
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / '1.xml').write_bytes(EMPTY)
    index = annotations(tmp_path)
    with pytest.raises(
        ValueError,
        match=r"2 files .* named '1.xml'.*"
        r'set data_prefix.ann_path to one',
    ):
        index.find('1.xml')


def test_names_that_only_differ_in_case_are_told_apart(tmp_path):
    for name in ('a.xml', 'A.xml'):
        (tmp_path / name).write_bytes(EMPTY)
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip('the file system does not know case')
    assert annotations(tmp_path).find('A.xml') == str(tmp_path / 'A.xml')


def test_hidden_files_and_other_endings_are_passed_over(tmp_path):
    for name in ('._1.xml', '1.json', '2.xml'):
        (tmp_path / name).write_bytes(EMPTY)
    assert [i.name for i in annotations(tmp_path).list_images()] == ['2']


def test_a_link_to_a_folder_above_ends_the_walk(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'back').symlink_to(tmp_path)
    (tmp_path / 'a' / '1.xml').write_bytes(EMPTY)
    assert annotations(tmp_path).find('1.xml') == str(tmp_path / 'a' / '1.xml')


def test_archives_are_read_in_place_without_what_macos_adds(tmp_path):
    path = pack(
        tmp_path / 'a.zip', {'Anno/Bus/1.jpg.txt': BBGT, '__MACOSX/Anno/Bus/1.jpg.txt': b'junk'}
    )
    index = annotations(path)
    assert index.find('1.jpg.txt') == 'Anno/Bus/1.jpg.txt'
    assert index.read('Anno/Bus/1.jpg.txt') == BBGT


def test_a_missing_folder_is_named_with_its_config_key(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.*check data_prefix'):
        annotations(tmp_path / 'nowhere')


def test_a_folder_that_need_not_be_there_counts_as_empty(tmp_path):
    index = FileIndex(tmp_path / 'x', ('.jpg',), 'img_path', required=False)
    assert len(index) == 0


def test_an_archive_that_is_none_is_refused(tmp_path):
    (tmp_path / 'a.zip').write_bytes(b'PK\3\4 and nothing more')
    with pytest.raises(AnnotationError, match='a.zip: damaged archive'):
        annotations(tmp_path / 'a.zip')


def test_a_bomb_in_an_archive_is_not_unpacked(tmp_path):
    path = pack(tmp_path / 'a.zip', {'1.xml': bytes(MAX_IMAGE_BYTES + 1)})
    with pytest.raises(AnnotationError, match='a.zip/1.xml: larger than'):
        annotations(path).read('1.xml')


def test_a_bomb_that_lies_about_its_size_is_not_unpacked_far(tmp_path):
    # A size whose bytes are nothing else in the archive.
    length = MAX_IMAGE_BYTES * 16 + 0x010203
    path = pack(tmp_path / 'a.zip', {'1.xml': bytes(length)})
    content = path.read_bytes()
    size = struct.pack('<I', length)
    assert content.count(size) == 2  # in both headers of the file
    path.write_bytes(content.replace(size, struct.pack('<I', 100)))
    index = annotations(path)
    tracemalloc.start()
    with pytest.raises(AnnotationError, match='1.xml: damaged archive'):
        index.read('1.xml')
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < length / 2


def test_flipped_bits_in_an_archive_are_noticed(tmp_path):
    path = pack(tmp_path / 'a.zip', {'1.xml': EMPTY * 100})
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match='a.zip/1.xml: damaged archive'):
        annotations(path).read('1.xml')


@given(st.data())
@settings(
    max_examples=int(os.environ.get('MMSDAG_FUZZ_EXAMPLES', 50)),
    deadline=10_000,
    derandomize='CI' in os.environ,
)
def test_noise_in_an_archive_gives_one_clear_error(data):
    memory = io.BytesIO()
    content = bytearray(pack(memory, {'b/1.xml': EMPTY * 9, '2.xml': EMPTY}).getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(len(content) // 2, len(content) * 2)) :]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'a.zip')
        with open(path, 'wb') as file:
            file.write(content)
        try:
            index = annotations(path)
            for name in ('1.xml', '2.xml'):
                if index.find(name):
                    index.read(index.find(name))
        except AnnotationError as error:
            assert str(error).startswith(path)


@pytest.mark.parametrize('name', ['1.PNG.xml', '1.xml', '1.png.txt', '1.txt'])
def test_an_annotation_may_have_the_ending_of_its_image_or_not(tmp_path, name):
    Image.new('RGB', (4, 4)).save(tmp_path / '1.PNG')
    (tmp_path / name).write_bytes(EMPTY if name.endswith('xml') else BBGT)
    for image in ('1.png', 'Bus/1.png', '1'):
        (record,) = read_records(
            listed(image), images(tmp_path), annotations(tmp_path), EXDARK_PARSERS
        )
        assert record.img_path == str(tmp_path / '1.PNG')
        assert record.ann_path == str(tmp_path / name)


def test_all_images_without_annotation_are_counted_before_any_is_read(tmp_path):
    (tmp_path / '1.jpg.xml').write_bytes(b'broken')
    with pytest.raises(
        FileNotFoundError,
        match=r'12 of the 13 listed images have no annotation '
        r'\(\.xml or \.txt\)(?s:.)*2\.jpg(?s:.)*and 2 more',
    ):
        list(
            read_records(
                listed(*(f'{n}.jpg' for n in range(1, 14))),
                images(tmp_path),
                annotations(tmp_path),
                EXDARK_PARSERS,
            )
        )


def test_an_error_in_an_archive_names_archive_and_file(tmp_path):
    path = pack(tmp_path / 'a.zip', {'b/1.jpg.xml': b'<annotation>\n<'})
    with pytest.raises(AnnotationError, match=r'a.zip/b/1.jpg.xml:2: incomp'):
        list(read_records(listed('1.jpg'), images(tmp_path), annotations(path), EXDARK_PARSERS))


def test_a_list_that_is_missing_or_empty_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='no list .*check class_list'):
        read_list(tmp_path / 'a.txt', 'class_list')
    (tmp_path / 'a.txt').write_text('\n\n')
    with pytest.raises(AnnotationError, match='a.txt: lists no images'):
        read_list(tmp_path / 'a.txt')


def test_classifying_ignores_folders_and_the_case_of_endings():
    known = [ListedImage('1.JPG', 7, 'Bus', 'Low', 'Indoor', 'val')]
    assert classify([ListedImage('Bus/1.jpg', 2)], known) == [
        ListedImage('Bus/1.jpg', 2, 'Bus', 'Low', 'Indoor', 'val')
    ]
    with pytest.raises(ValueError, match="1 of 1 .* for example '2.jpg'"):
        classify(listed('2.jpg'), known)


def test_choosing_needs_a_list_that_tells_and_leaves_something():
    image = ListedImage('1.JPG', 7, 'Bus', 'Low', 'Indoor', 'val')
    assert choose([image], lighting={'Low', 'Weak'}, split=None) == [image]
    with pytest.raises(ValueError, match='needs imageclasslist.txt'):
        choose(listed('1.jpg'), lighting={'Low'})
    with pytest.raises(
        ValueError,
        match=r'no image matches lighting=\['
        r"'Weak'\], split=\['val'\]",
    ):
        choose([image], lighting={'Weak'}, split={'val'})


def test_a_range_sorts_by_number_and_needs_one():
    names = listed('10.png', '9.png', '8.png')
    assert [i.name for i in in_range(names, (9, None))] == ['9.png', '10.png']
    assert [i.name for i in in_range(names, (8, 9))] == ['8.png', '9.png']
    assert in_range(names, (None, None)) == names
    with pytest.raises(ValueError, match='none of the 3 images .* 11 to None'):
        in_range(names, (11, None))
    with pytest.raises(ValueError, match="needs a number in 'a.png'"):
        in_range(listed('a.png'), (1, 2))


@pytest.mark.parametrize(
    'content', ['[', '{"a": 1}', '[{"dark": []}]', '[3]', '[{"images": ["a.jpg"]}]', '[' * 100_000]
)
def test_a_list_of_scenes_of_another_format_is_refused(tmp_path, content):
    (tmp_path / 'scenes.json').write_text(content)
    with pytest.raises(AnnotationError, match='scenes.json: must be a JSON '):
        scenes_of_images(tmp_path / 'scenes.json', (1, 2))
