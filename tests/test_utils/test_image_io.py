"""Every odd kind of file in docs/data.md, written by Pillow or OpenCV."""

import io
import pickle

import cv2
import numpy as np
import pytest
from PIL import Image

from mmsdag.utils.image_io import BrokenImageError, inspect_image, read_image

H, W = 24, 40
EXIF_TURN = 6  # turn by 90 degrees clockwise to see it upright


def gradient() -> np.ndarray:
    """RGB, smooth, so that JPEG keeps it to a few levels."""
    y, x = np.mgrid[:H, :W]
    return np.stack([x * 6, y * 10, 255 - x * 6], axis=-1).astype(np.uint8)


RGB = gradient()
BGR = RGB[..., ::-1]


def encode(suffix: str, image: Image.Image = None, **options) -> bytes:
    image = Image.fromarray(RGB) if image is None else image
    formats = dict(jpg='JPEG', tif='TIFF', pgm='PPM', ppm='PPM')
    buffer = io.BytesIO()
    image.save(buffer, formats.get(suffix, suffix.upper()), **options)
    return buffer.getvalue()


def rotated() -> dict:
    exif = Image.Exif()
    exif[274] = EXIF_TURN
    return dict(exif=exif)


def deep(suffix: str, image: np.ndarray) -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def with_alpha(mode: str) -> Image.Image:
    image = Image.fromarray(RGB).convert(mode[:-1])
    image.putalpha(Image.fromarray(RGB[..., 0]))
    return image


@pytest.fixture
def read(tmp_path):

    def write_and_read(content: bytes, suffix: str) -> np.ndarray:
        path = tmp_path / f'photo.{suffix}'
        path.write_bytes(content)
        image = read_image(path)
        assert inspect_image(path) == image.shape[:2]
        return image

    return write_and_read


@pytest.fixture
def refuse(tmp_path):

    def write_and_refuse(content: bytes, suffix: str) -> str:
        path = tmp_path / f'photo.{suffix}'
        path.write_bytes(content)
        with pytest.raises(BrokenImageError) as inspected:
            inspect_image(path)
        with pytest.raises(BrokenImageError) as error:
            read_image(path)
        assert inspected.value.reason == error.value.reason
        assert str(path) in str(error.value)
        return error.value.reason

    return write_and_refuse


# --- read right ---------------------------------------------------------


@pytest.mark.parametrize(
    'suffix, options',
    [
        ('png', {}),
        ('bmp', {}),
        ('ppm', {}),
        ('tif', {}),
        ('tif', dict(compression='tiff_lzw')),
        ('webp', dict(lossless=True)),
    ],
)
def test_lossless_8_bit_files_are_read_exactly(read, suffix, options):
    image = read(encode(suffix, **options), suffix)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, BGR)


@pytest.mark.parametrize('options', [{}, dict(progressive=True)])
def test_jpeg_is_read_as_bgr(read, options):
    content = encode('jpg', quality=100, subsampling=0, **options)
    np.testing.assert_allclose(read(content, 'jpg'), BGR, atol=3)


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'tif', 'pgm', 'bmp'])
def test_gray_files_get_three_equal_channels(read, suffix):
    gray = Image.fromarray(RGB[..., 0])
    image = read(encode(suffix, gray), suffix)
    assert image.shape == (H, W, 3)
    for channel in range(3):
        np.testing.assert_allclose(image[..., channel], RGB[..., 0], atol=3)


def test_black_and_white_files_are_0_and_255(read):
    image = read(encode('png', Image.fromarray(RGB[..., 0] > 100)), 'png')
    np.testing.assert_array_equal(image[..., 0], (RGB[..., 0] > 100) * 255)


@pytest.mark.parametrize('suffix', ['png', 'tif', 'webp'])
def test_alpha_is_dropped_and_the_colors_under_it_stay(read, suffix):
    options = dict(lossless=True, exact=True) if suffix == 'webp' else {}
    image = read(encode(suffix, with_alpha('RGBA'), **options), suffix)
    np.testing.assert_array_equal(image, BGR)


def test_alpha_of_gray_files_is_dropped(read):
    image = read(encode('png', with_alpha('LA')), 'png')
    gray = np.asarray(Image.fromarray(RGB).convert('L'))
    np.testing.assert_array_equal(image, np.stack([gray] * 3, -1))


@pytest.mark.parametrize('options', [{}, dict(transparency=3)])
def test_palettes_are_looked_up(read, options):
    colors = np.zeros((256, 3), np.uint8)
    colors[:4] = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7]]
    indices = np.arange(H * W, dtype=np.uint8).reshape(H, W) % 4
    palette = Image.fromarray(indices)
    palette.putpalette(colors.tobytes())
    image = read(encode('png', palette, **options), 'png')
    np.testing.assert_array_equal(image, colors[indices][..., ::-1])


@pytest.mark.parametrize('suffix', ['jpg', 'tif'])
def test_cmyk_becomes_rgb(read, suffix):
    options = dict(quality=100, subsampling=0) if suffix == 'jpg' else {}
    cmyk = Image.fromarray(RGB).convert('CMYK')  # without black: the inverse
    image = read(encode(suffix, cmyk, **options), suffix)
    np.testing.assert_allclose(image, BGR, atol=3)


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp', 'tif'])
def test_exif_rotation_is_applied(read, suffix):
    options = dict(lossless=True) if suffix == 'webp' else {}
    if suffix == 'jpg':
        options = dict(quality=100, subsampling=0)
    image = read(encode(suffix, **options, **rotated()), suffix)
    np.testing.assert_allclose(image, np.rot90(BGR, -1), atol=3)


def test_damaged_exif_does_not_cost_the_photograph(read):
    content = encode('png', exif=b'Exif\0\0junkjunkjunk')
    np.testing.assert_array_equal(read(content, 'png'), BGR)


@pytest.mark.parametrize('suffix', ['png', 'tif', 'ppm'])
def test_16_bit_files_keep_their_precision_in_0_to_255(read, suffix):
    values = (np.arange(H * W * 3) * 22).astype(np.uint16).reshape(H, W, 3)
    image = read(deep(f'.{suffix}', values), suffix)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, values / 65535 * 255, rtol=1e-6)


@pytest.mark.parametrize('suffix', ['png', 'tif'])
def test_16_bit_gray_files_get_three_channels(read, suffix):
    values = (np.arange(H * W) * 60).astype(np.uint16).reshape(H, W)
    image = read(deep(f'.{suffix}', values), suffix)
    np.testing.assert_allclose(image, np.stack([values / 65535 * 255] * 3, -1), rtol=1e-6)


def test_alpha_of_16_bit_files_is_dropped(read):
    values = (np.arange(H * W * 4) * 17).astype(np.uint16).reshape(H, W, 4)
    image = read(deep('.png', values), 'png')
    np.testing.assert_allclose(image, values[..., :3] / 65535 * 255, rtol=1e-6)


def test_jpeg_with_bytes_after_its_end_is_read(read):
    content = encode('jpg', quality=100, subsampling=0)
    for trailer in (bytes(5000), b'camera notes' * 1000):
        np.testing.assert_allclose(read(content + trailer, 'jpg'), BGR, atol=3)


def test_png_that_lost_no_more_than_its_end_mark_is_read(read):
    np.testing.assert_array_equal(read(encode('png')[:-12], 'png'), BGR)


# --- refused, by name ---------------------------------------------------


@pytest.mark.parametrize('share', [0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    'suffix, options',
    [
        ('jpg', {}),
        ('jpg', dict(progressive=True)),
        ('png', {}),
        ('bmp', {}),
        ('tif', {}),
        ('webp', {}),
        ('ppm', {}),
    ],
)
def test_truncated_files_are_refused(refuse, suffix, options, share):
    noise = np.random.default_rng(0).integers(0, 256, (H, W, 3), np.uint8)
    content = encode(suffix, Image.fromarray(noise), **options)
    assert refuse(content[: int(len(content) * share)], suffix)


@pytest.mark.parametrize('suffix', ['jpg', 'png'])
def test_files_whose_end_was_never_written_are_refused(refuse, suffix):
    content = encode(suffix)
    content = content[:-60] + bytes(4096)
    assert refuse(content, suffix)


def test_truncated_16_bit_files_are_refused(refuse):
    content = deep('.png', np.full((H, W, 3), 999, np.uint16))
    assert refuse(content[:-30], 'png')


def test_empty_files_are_refused(refuse):
    assert refuse(b'', 'jpg') == 'empty file (0 bytes)'


@pytest.mark.parametrize(
    'content',
    [
        b'<html><body>404 Not Found</body></html>',
        bytes(5000),
        b'version https://git-lfs.github.com/spec/v1\n',
    ],
)
def test_non_images_with_the_name_of_one_are_refused(refuse, content):
    assert refuse(content, 'jpg') == 'not an image'


@pytest.mark.parametrize('values', [np.ones((H, W), np.float32), np.ones((H, W), np.int32)])
def test_pixels_of_an_unknown_range_are_refused(refuse, values):
    assert 'unknown range' in refuse(encode('tif', Image.fromarray(values)), 'tif')


def test_signed_16_bit_pixels_are_refused(refuse):
    content = deep('.tif', np.full((H, W), -5, np.int16))
    assert 'unknown range' in refuse(content, 'tif')


def test_missing_files_are_refused(tmp_path):
    for function in (read_image, inspect_image):
        with pytest.raises(BrokenImageError, match='No such file'):
            function(tmp_path / 'gone.jpg')


def test_the_error_crosses_process_borders():
    error = pickle.loads(pickle.dumps(BrokenImageError('a.jpg', 'not so')))
    assert str(error) == 'a.jpg: not so' and error.path == 'a.jpg'


def test_inspection_of_a_complete_file_decodes_nothing(tmp_path, monkeypatch):
    for name in ('a.jpg', 'a.png'):
        (tmp_path / name).write_bytes(encode(name[2:], **rotated()))

    def decode(self, *args):
        raise AssertionError('decoded')

    monkeypatch.setattr('PIL.ImageFile.ImageFile.load', decode)
    assert inspect_image(tmp_path / 'a.jpg') == (W, H)
    assert inspect_image(tmp_path / 'a.png') == (W, H)


def with_damaged_second_page(turned: bool) -> bytes:
    """A TIFF of two pages of 1 bit, of which the second lacks its palette."""
    first, second = (Image.new('P', size) for size in ((6, 4), (20, 20)))
    first.putpixel((1, 0), 255)
    content = encode(
        'tif', first, save_all=True, append_images=[second], **(rotated() if turned else {})
    )
    at = content.rindex(b'\x40\x01\x03\x00')  # tag 320, of short numbers
    return content[: at + 8] + b'\xff\xff\xff\x7f' + content[at + 12 :]


@pytest.mark.parametrize('turned, shape', [(False, (4, 6, 3)), (True, (6, 4, 3))])
def test_a_damaged_second_page_does_not_replace_the_first(read, turned, shape):
    assert read(with_damaged_second_page(turned), 'tif').shape == shape


def test_a_first_frame_that_is_larger_than_its_gif_is_refused(refuse):
    content = bytearray(encode('gif'))
    content[6:8] = b'\x08\x00'  # the width, 40 before
    assert 'larger than the image' in refuse(bytes(content), 'gif')


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(
    'content, suffix',
    [
        (encode('tif'), 'tif'),
        (deep('.tif', BGR.astype(np.uint16) * 257), 'tif'),
        (encode('webp', lossless=True), 'webp'),
        (encode('gif', Image.fromarray(RGB[..., 0])), 'gif'),
    ],
)
def test_the_limit_of_pixels_is_ours_not_that_of_pillow(read, monkeypatch, content, suffix):
    # 24 x 40 pixels: more than twice as many as Pillow would take.
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 300)
    assert read(content, suffix).shape == (H, W, 3)
    assert Image.MAX_IMAGE_PIXELS == 300
