from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmsdag.apis import FolderReport, enhance_folder, plan_folder


@pytest.fixture
def identity(make_inferencer):
    return make_inferencer('mmsdag.Identity')


def run(inferencer, root: Path, **options) -> FolderReport:
    pairs = plan_folder(root / 'in', root / 'out')
    return enhance_folder(inferencer, pairs, progress=False, **options)


def files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob('*') if path.is_file()
    }


def test_a_folder_becomes_pngs_of_the_same_names(identity, write_image,
                                                 tmp_path):
    images = {
        name: write_image(tmp_path / 'in' / f'{name}.bmp')
        for name in ('a', 'sub/b', 'sub/deep/c')
    }
    report = run(identity, tmp_path)
    assert report == FolderReport(enhanced=3)
    assert files(tmp_path / 'out') == {f'{name}.png' for name in images}
    for name, image in images.items():
        np.testing.assert_array_equal(
            cv2.imread(str(tmp_path / 'out' / f'{name}.png')), image)


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
    np.testing.assert_array_equal(
        cv2.imread(str(tmp_path / 'out/a.png')), image)


def test_broken_files_are_named_and_the_others_enhanced(
        identity, write_image, tmp_path):
    for name in 'abcdef':
        write_image(tmp_path / f'in/{name}.bmp')
    (tmp_path / 'in/b.bmp').write_bytes(b'')
    (tmp_path / 'in/d.bmp').write_text('no image')
    report = run(identity, tmp_path)
    assert report.enhanced == 4
    assert set(report.failed) == {
        str(tmp_path / 'in/b.bmp'),
        str(tmp_path / 'in/d.bmp')
    }
    assert 'empty' in report.failed[str(tmp_path / 'in/b.bmp')]
    assert files(tmp_path / 'out') == {'a.png', 'c.png', 'e.png', 'f.png'}


def test_a_result_that_cannot_be_written_is_reported(identity, write_image,
                                                     tmp_path):
    write_image(tmp_path / 'in/sub/a.bmp')
    write_image(tmp_path / 'in/b.bmp')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/sub').touch()  # a file where a folder must be
    report = run(identity, tmp_path)
    assert report.enhanced == 1
    assert set(report.failed) == {str(tmp_path / 'in/sub/a.bmp')}


def test_neighbours_of_one_size_go_together(identity, write_image, tmp_path,
                                            monkeypatch):
    sizes = dict(a=(4, 4), b=(4, 4), c=(4, 4), d=(4, 5), e=(4, 4))
    images = {
        name: write_image(tmp_path / f'in/{name}.bmp', *size)
        for name, size in sizes.items()
    }
    batches = []
    enhance = identity.network.enhance
    monkeypatch.setattr(identity.network, 'enhance', lambda x:
                        (batches.append(len(x)), enhance(x))[1])
    assert run(identity, tmp_path, batch_size=2).enhanced == 5
    assert batches == [2, 1, 1, 1]
    for name, image in images.items():
        np.testing.assert_array_equal(
            cv2.imread(str(tmp_path / f'out/{name}.png')), image)


def test_a_batch_is_no_larger_than_memory_allows(identity, write_image,
                                                 tmp_path, monkeypatch):
    for name in 'abc':
        write_image(tmp_path / f'in/{name}.bmp', 4, 4)
    identity.max_pixels = 40
    batches = []
    monkeypatch.setattr(identity.network, 'enhance', lambda x:
                        (batches.append(len(x)), x)[1])
    run(identity, tmp_path, batch_size=8)
    assert batches == [2, 1]


def test_one_bad_image_does_not_fail_its_batch(identity, write_image,
                                               tmp_path, monkeypatch):
    for name in 'abc':
        write_image(tmp_path / f'in/{name}.bmp')
    cv2.imwrite(str(tmp_path / 'in/b.bmp'), np.zeros((12, 16, 3), np.uint8))
    # Black images come out undefined.
    monkeypatch.setattr(identity.network, 'enhance', lambda x: x * x.amax(
        (1, 2, 3), keepdim=True) / x.amax((1, 2, 3), keepdim=True))
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
        '  x.png: empty'
    ]
