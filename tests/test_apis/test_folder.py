from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmsdag.apis import FolderReport, enhance_folder, plan_folder, plan_images


@pytest.fixture
def identity(make_inferencer):
    return make_inferencer('mmsdag.Identity')


def run(inferencer, root: Path, **options) -> FolderReport:
    pairs = plan_folder(root / 'in', root / 'out')
    return enhance_folder(inferencer, pairs, progress=False, **options)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file()}


def test_a_folder_becomes_pngs_of_the_same_names(identity, write_image, tmp_path):
    images = {
        name: write_image(tmp_path / 'in' / f'{name}.bmp') for name in ('a', 'sub/b', 'sub/deep/c')
    }
    report = run(identity, tmp_path)
    assert report == FolderReport(enhanced=3)
    assert files(tmp_path / 'out') == {f'{name}.png' for name in images}
    for name, image in images.items():
        np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'out' / f'{name}.png')), image)


def test_what_exists_is_skipped(identity, write_image, tmp_path):
    write_image(tmp_path / 'in/a.bmp')
    write_image(tmp_path / 'in/b.bmp')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/a.png').write_text('from before')
    report = run(identity, tmp_path)
    assert report == FolderReport(enhanced=1, skipped=1)
    assert (tmp_path / 'out/a.png').read_text() == 'from before'


def test_what_exists_is_replaced_on_demand(identity, write_image, tmp_path):
    image = write_image(tmp_path / 'in/a.bmp')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/a.png').write_text('from before')
    assert run(identity, tmp_path, overwrite=True).enhanced == 1
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'out/a.png')), image)


def test_broken_files_are_named_and_the_others_enhanced(identity, write_image, tmp_path):
    for name in 'abcdef':
        write_image(tmp_path / f'in/{name}.bmp')
    (tmp_path / 'in/b.bmp').write_bytes(b'')
    (tmp_path / 'in/d.bmp').write_text('no image')
    report = run(identity, tmp_path)
    assert report.enhanced == 4
    assert set(report.failed) == {str(tmp_path / 'in/b.bmp'), str(tmp_path / 'in/d.bmp')}
    assert 'empty' in report.failed[str(tmp_path / 'in/b.bmp')]
    assert files(tmp_path / 'out') == {'a.png', 'c.png', 'e.png', 'f.png'}


def test_a_result_that_cannot_be_written_is_reported(identity, write_image, tmp_path):
    write_image(tmp_path / 'in/sub/a.bmp')
    write_image(tmp_path / 'in/b.bmp')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/sub').touch()  # a file where a folder must be
    report = run(identity, tmp_path)
    assert report.enhanced == 1
    assert set(report.failed) == {str(tmp_path / 'in/sub/a.bmp')}


def test_neighbors_of_one_size_go_together(identity, write_image, tmp_path, monkeypatch):
    sizes = dict(a=(4, 4), b=(4, 4), c=(4, 4), d=(4, 5), e=(4, 4))
    images = {name: write_image(tmp_path / f'in/{name}.bmp', *size) for name, size in sizes.items()}
    batches = []
    enhance = identity.network.enhance
    monkeypatch.setattr(
        identity.network, 'enhance', lambda x: (batches.append(len(x)), enhance(x))[1]
    )
    assert run(identity, tmp_path, batch_size=2).enhanced == 5
    assert batches == [2, 1, 1, 1]
    for name, image in images.items():
        np.testing.assert_array_equal(cv2.imread(str(tmp_path / f'out/{name}.png')), image)


def test_a_batch_is_no_larger_than_memory_allows(identity, write_image, tmp_path, monkeypatch):
    for name in 'abc':
        write_image(tmp_path / f'in/{name}.bmp', 4, 4)
    identity.runner.max_pixels = 40
    batches = []
    monkeypatch.setattr(identity.network, 'enhance', lambda x: (batches.append(len(x)), x)[1])
    run(identity, tmp_path, batch_size=8)
    assert batches == [2, 1]


def test_one_bad_image_does_not_fail_its_batch(identity, write_image, tmp_path, monkeypatch):
    for name in 'abc':
        write_image(tmp_path / f'in/{name}.bmp')
    cv2.imwrite(str(tmp_path / 'in/b.bmp'), np.zeros((12, 16, 3), np.uint8))
    # Black images come out undefined.
    monkeypatch.setattr(
        identity.network,
        'enhance',
        lambda x: x * x.amax((1, 2, 3), keepdim=True) / x.amax((1, 2, 3), keepdim=True),
    )
    report = run(identity, tmp_path, batch_size=3)
    assert report.enhanced == 2
    assert 'undefined' in report.failed[str(tmp_path / 'in/b.bmp')]
    assert files(tmp_path / 'out') == {'a.png', 'c.png'}


@pytest.mark.parametrize('out', ['in', 'in/out', 'out/../in/deep/out'])
def test_results_among_the_inputs_are_refused(write_image, tmp_path, out):
    write_image(tmp_path / 'in/a.bmp')
    with pytest.raises(ValueError, match='lies in it'):
        plan_folder(tmp_path / 'in', tmp_path / out)


def test_a_batch_size_of_zero_is_refused(identity, write_image, tmp_path):
    write_image(tmp_path / 'in/a.bmp')
    with pytest.raises(ValueError, match='batch_size=0'):
        run(identity, tmp_path, batch_size=0)


def test_reports_add_up_and_print_one_failure_a_line():
    report = FolderReport(2, 1) + FolderReport(3, 0, {'x.png': 'empty'})
    assert str(report).splitlines() == [
        '5 enhanced, 1 skipped (their results exist), 1 failed',
        '  x.png: empty',
    ]


@pytest.mark.parametrize('format, suffix', [('jpeg', '.jpg'), ('webp', '.webp')])
def test_results_have_the_format_that_is_asked_for(identity, write_image, tmp_path, format, suffix):
    write_image(tmp_path / 'in/a.bmp')
    pairs = plan_folder(tmp_path / 'in', tmp_path / 'out', format)
    sizes = []
    for quality in (95, 10):
        enhance_folder(identity, pairs, overwrite=True, quality=quality, progress=False)
        result = tmp_path / f'out/a{suffix}'
        sizes.append(result.stat().st_size)
        with Image.open(result) as image:
            assert image.format.lower() == format
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize(
    'options, message',
    [(dict(bit_depth=16), '8 bits a channel, not 16'), (dict(quality=0), 'quality=0')],
)
def test_options_that_a_format_lacks_are_refused_before_the_start(
    identity, write_image, tmp_path, options, message
):
    write_image(tmp_path / 'in/a.bmp')
    pairs = plan_folder(tmp_path / 'in', tmp_path / 'out', 'jpeg')
    with pytest.raises(ValueError, match=message):
        enhance_folder(identity, pairs, progress=False, **options)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('keep, date', [(True, '2026:01:02 03:04:05'), (False, None)])
def test_metadata_are_kept_on_demand(identity, tmp_path, keep, date):
    (tmp_path / 'in').mkdir()
    exif = Image.Exif()
    exif[306] = '2026:01:02 03:04:05'
    exif[274] = 6  # turned: it is applied, and must not be again
    Image.fromarray(np.zeros((8, 6, 3), np.uint8)).save(tmp_path / 'in/a.jpg', exif=exif)
    run(identity, tmp_path, keep_metadata=keep)
    with Image.open(tmp_path / 'out/a.png') as image:
        assert image.size == (8, 6)
        assert image.getexif().get(306) == date
        assert image.getexif().get(274, 1) == 1


def test_animations_are_said_to_be_enhanced_in_part(identity, tmp_path):
    (tmp_path / 'in').mkdir()
    frames = [Image.new('RGB', (8, 8), color) for color in ('red', 'blue')]
    frames[0].save(tmp_path / 'in/a.gif', save_all=True, append_images=frames[1:])
    report = run(identity, tmp_path)
    assert report.notes == {str(tmp_path / 'in/a.gif'): 'the first of 2 frames'}
    assert '1 enhanced in part' in str(report)


def test_a_folder_of_results_that_is_a_file_is_refused(write_image, tmp_path):
    write_image(tmp_path / 'in/a.bmp')
    (tmp_path / 'file').touch()
    with pytest.raises(ValueError, match='file. is a file'):
        plan_folder(tmp_path / 'in', tmp_path / 'file' / 'out')


@pytest.mark.skipif(not Path('/proc/self').is_dir(), reason='no /proc here')
def test_a_folder_of_results_that_cannot_be_made_is_refused(write_image, tmp_path):
    write_image(tmp_path / 'in/a.bmp')
    with pytest.raises(ValueError, match="written to '/proc/out': .* '/proc'"):
        plan_folder(tmp_path / 'in', '/proc/out')


def test_the_name_of_a_folder_that_is_too_long_is_refused(write_image, tmp_path):
    write_image(tmp_path / 'in/a.bmp')
    with pytest.raises(ValueError, match='results cannot be written to'):
        plan_folder(tmp_path / 'in', tmp_path / ('o' * 300))


def test_a_folder_of_results_is_not_made_by_planning(write_image, tmp_path):
    write_image(tmp_path / 'in/a.bmp')
    plan_folder(tmp_path / 'in', tmp_path / 'out')
    assert [path.name for path in tmp_path.iterdir()] == ['in']


def test_a_single_result_may_be_named(write_image, tmp_path):
    write_image(tmp_path / 'in/a.bmp')
    source, target = tmp_path / 'in/a.bmp', tmp_path / 'b.jpg'
    assert plan_images([source], target) == [(source, target)]
    with pytest.raises(ValueError, match='name a folder'):
        plan_images([tmp_path / 'in'], target)


@pytest.mark.parametrize(
    'path, message',
    [
        ('', 'empty path'),
        ('https://example.org/a.jpg', 'is a URL'),
        ('https:/example.org/a.jpg', 'is a URL'),
    ],
)
def test_paths_that_cannot_be_meant_are_refused(tmp_path, path, message):
    with pytest.raises(ValueError, match=message):
        plan_images([path], tmp_path / 'out')


def test_the_home_folder_is_expanded(write_image, tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    write_image(tmp_path / 'in/a.bmp')
    assert plan_images(['~/in'], '~/out') == [(tmp_path / 'in/a.bmp', tmp_path / 'out/a.png')]


def test_all_results_of_one_name_are_told_at_once(write_image, tmp_path):
    for name in 'ab':
        for folder in ('one', 'two'):
            write_image(tmp_path / folder / f'{name}.bmp')
    with pytest.raises(ValueError, match=r'out/a\.png.*out/b\.png'):
        plan_images([tmp_path / 'one', tmp_path / 'two'], tmp_path / 'out')
