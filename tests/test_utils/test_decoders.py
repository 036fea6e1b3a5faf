"""Formats that image libraries misread, against tifffile and calculations."""

from __future__ import annotations

import io
import lzma
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from mmsdag.utils.image_io import (
    BrokenImageError,
    UnsupportedImageError,
    inspect_image,
    read_image,
    read_photograph,
)

tifffile = pytest.importorskip('tifffile')


@pytest.fixture
def read(tmp_path):
    def write_and_read(content: bytes) -> np.ndarray:
        (tmp_path / 'photo').write_bytes(content)
        image = read_image(tmp_path / 'photo')
        assert inspect_image(tmp_path / 'photo') == image.shape[:2]
        return image[..., ::-1]  # RGB

    return write_and_read


def tiff(samples: np.ndarray, **options) -> bytes:
    """Encode samples (H, W, C), one tag at a time under control."""
    file = io.BytesIO()
    if options.get('planarconfig') == 'separate':
        samples = np.ascontiguousarray(np.moveaxis(samples, -1, 0))
    tifffile.imwrite(file, samples, metadata=None, **options)
    return file.getvalue()


def noise(*shape: int, bits: int = 16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2**bits, shape, f'uint{bits}')


# --- PNM --------------------------------------------------------------------


@pytest.mark.parametrize(
    'content, expected',
    [
        (b'P5 4 1 15\n\x00\x03\x07\x0b', [0, 51, 119, 187]),
        (b'P5 4 1 11\n\x00\x03\x07\x0b', [0, 69.545, 162.273, 255]),
        (b'P5 2 1 1023\n\x02\x00\x03\xff', [127.625, 255]),
        (b'P5 2 1 4095\n\x08\x00\x0f\xff', [127.531, 255]),
        (b'P5 2 1 65535\n\x80\x00\xff\xff', [127.502, 255]),
        (b'P2 # a comment\n3 1 7 0 3 7\n', [0, 109.286, 255]),
        (b'P1 3 1 1 0 1\n', [0, 255, 0]),
        (b'P4 3 1\n\xa0', [0, 255, 0]),
    ],
)
def test_pnm_files_are_scaled_by_their_maximum(read, content, expected):
    image = read(content)
    assert image.shape == (1, len(expected), 3)
    np.testing.assert_allclose(image[0, :, 0], expected, atol=1e-3)


def test_colors_of_a_ppm_keep_their_order(read):
    image = read(b'P6 1 1 1023\n\x03\xff\x02\x00\x00\x00')
    np.testing.assert_allclose(image[0, 0], [255, 127.625, 0], atol=1e-3)


@pytest.mark.parametrize(
    'content, reason',
    [
        (b'P5 4 1 15\n\x00\x03', 'truncated'),
        (b'P5 1 1 7\n\x08', 'a sample of 8'),
        (b'P5 1 1 70000\n\x00\x00', 'maximum value of 70000'),
    ],
)
def test_damaged_pnm_files_are_refused(read, content, reason):
    with pytest.raises(BrokenImageError, match=reason):
        read(content)


# --- TIFF -------------------------------------------------------------------


@pytest.mark.parametrize('planar', ['contig', 'separate'])
@pytest.mark.parametrize('compression', [None, 'zlib'])
@pytest.mark.parametrize('tile', [None, (16, 16)])
def test_16_bit_tiffs_are_read_however_they_are_stored(read, planar, compression, tile):
    samples = noise(37, 21, 3)
    image = read(
        tiff(samples, photometric='rgb', planarconfig=planar, compression=compression, tile=tile)
    )
    np.testing.assert_allclose(image, samples / 257, atol=1e-3)


def test_16_bit_white_is_zero_is_inverted(read):
    samples = noise(5, 6)
    image = read(tiff(samples, photometric='miniswhite'))
    np.testing.assert_allclose(image[..., 0], 255 - samples / 257, atol=1e-3)


def test_16_bit_cmyk_becomes_rgb(read):
    samples = np.array([[[0, 65535, 0, 0], [0, 0, 0, 65535]]], np.uint16)
    image = read(tiff(samples, photometric='separated'))
    np.testing.assert_allclose(image, [[[255, 0, 255], [0, 0, 0]]], atol=1e-3)


@pytest.mark.parametrize('planar', ['contig', 'separate'])
@pytest.mark.parametrize('tile', [None, (16, 32)])
@pytest.mark.parametrize('photometric, channels', [('rgb', 3), ('minisblack', 1)])
def test_extra_channels_of_8_bit_tiffs_are_dropped(read, planar, tile, photometric, channels):
    samples = noise(20, 33, channels + 1, bits=8)
    image = read(
        tiff(samples, photometric=photometric, planarconfig=planar, tile=tile, extrasamples=[0])
    )
    np.testing.assert_array_equal(image, np.broadcast_to(samples[..., :channels], (20, 33, 3)))


@pytest.mark.parametrize('bits', [8, 16])
def test_a_tiff_whose_last_tile_is_cut_off_is_refused(read, bits):
    content = tiff(noise(49, 32, bits=bits), tile=(16, 32))
    with pytest.raises(BrokenImageError, match='truncated'):
        read(content[:-100])


def test_a_tiff_that_lacks_strips_is_refused(read):
    content = tiff(noise(40, 8, bits=8), rowsperstrip=40)
    rows = struct.pack('<HHI', 278, 3, 1)  # tag 278 of one short number
    if rows not in content:
        rows = struct.pack('<HHI', 278, 4, 1)
    at = content.index(rows) + 8
    with pytest.raises(BrokenImageError, match='1 strips of 5 rows'):
        read(content[:at] + struct.pack('<I', 5) + content[at + 4 :])


def without(content: bytes, tag: int) -> bytes:
    """Give a tag of a little-endian TIFF a number that nobody reads."""
    entry = content.index(struct.pack('<H', tag), 8)
    return content[:entry] + struct.pack('<H', 65000) + content[entry + 2 :]


@pytest.mark.parametrize('bits, tag', [(8, 279), (16, 279)])
def test_a_tiff_without_the_sizes_of_its_strips_is_refused(read, bits, tag):
    content = tiff(noise(40, 60, 3, bits=bits), photometric='rgb', rowsperstrip=16)
    read(content)
    with pytest.raises(BrokenImageError, match='3 strips or tiles, but sizes of 0'):
        read(without(content, tag))


@pytest.mark.parametrize('planar', ['contig', 'separate'])
@pytest.mark.parametrize('bits', [8, 16])
def test_a_plain_strip_that_is_shorter_than_its_rows_is_refused(read, bits, planar):
    content = tiff(
        noise(40, 60, 3, bits=bits), photometric='rgb', rowsperstrip=40, planarconfig=planar
    )
    size = 40 * 60 * bits // 8 * (3 if planar == 'contig' else 1)
    read(content)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        at = file.pages[0].tags[279].valueoffset
    shorter = (size - 1).to_bytes(2, 'little')
    with pytest.raises(BrokenImageError, match=f'a strip of {size - 1} bytes'):
        read(content[:at] + shorter + content[at + 2 :])


@pytest.mark.parametrize('scale', [1, 257])
def test_a_palette_of_8_bits_is_read_like_one_of_16(read, scale):
    palette = noise(3, 256, bits=8).astype(np.uint16)
    indices = noise(20, 30, bits=8)
    image = read(tiff(indices, photometric='palette', colormap=palette * np.uint16(scale)))
    np.testing.assert_array_equal(image, palette.T[indices])


def lzma_tiff(samples: np.ndarray) -> bytes:
    """Encode gray samples (H, W) in one strip, without imagecodecs."""
    strip = lzma.compress(samples.tobytes())
    tags = {
        256: samples.shape[1],
        257: samples.shape[0],
        258: 8 * samples.itemsize,
        259: 34925,
        262: 1,
        273: 8,
        277: 1,
        278: samples.shape[0],
        279: len(strip),
    }
    start = 8 + len(strip) + len(strip) % 2
    return b''.join(
        [
            b'II*\0',
            struct.pack('<I', start),
            strip.ljust(start - 8, b'\0'),
            struct.pack('<H', len(tags)),
            *(struct.pack('<HHII', tag, 4, 1, value) for tag, value in tags.items()),
            bytes(4),
        ]
    )


@pytest.mark.parametrize('bits', [8, 16])
def test_damaged_lzma_is_refused(read, bits):
    samples = noise(40, 40, bits=bits)
    content = bytearray(lzma_tiff(samples))
    np.testing.assert_allclose(
        read(bytes(content))[..., 0], samples * (255 / (2**bits - 1)), atol=1e-3
    )
    content[len(content) // 2] ^= 255
    with pytest.raises(BrokenImageError, match='damaged'):
        read(bytes(content))


def test_floating_point_tiffs_are_unsupported_not_broken(read):
    content = tiff(np.zeros((2, 2, 3), np.float32), photometric='rgb')
    with pytest.raises(UnsupportedImageError, match='floating-point'):
        read(content)


# --- PNG --------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def animated(samples: np.ndarray) -> bytes:
    """Put the chunks of an animation of one frame into a 16-bit PNG."""
    height, width = samples.shape[:2]
    content = cv2.imencode('.png', samples)[1].tobytes()
    header = 8 + 25
    return (
        content[:header]
        + chunk(b'acTL', struct.pack('>II', 1, 0))
        + chunk(b'fcTL', struct.pack('>IIIIIHHBB', 0, width, height, 0, 0, 1, 10, 0, 0))
        + content[header:]
    )


def test_an_animated_16_bit_png_is_as_bright_as_a_still_one(read):
    samples = noise(6, 7, 3)
    np.testing.assert_allclose(read(animated(samples)), samples[..., ::-1] / 257, atol=1e-3)


def test_the_turn_that_stands_behind_the_pixels_is_applied(read):
    samples = noise(6, 7, 3)
    content = cv2.imencode('.png', samples)[1].tobytes()
    exif = chunk(b'eXIf', b'MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0' + bytes(4))
    turned = read(content[:-12] + exif + content[-12:])
    np.testing.assert_allclose(turned, np.rot90(samples[..., ::-1], -1) / 257, atol=1e-3)


# --- color profiles, other formats, sizes -----------------------------------


#: Red, green and blue of Display P3 and of sRGB, columns, as XYZ under D50.
P3 = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)


def display_profile(primaries: np.ndarray, gamma: float) -> bytes:
    """Make an ICC profile of a display, version 2.4."""

    def xyz(values: np.ndarray) -> bytes:
        return b'XYZ ' + bytes(4) + struct.pack('>3i', *np.rint(values * 65536).astype(int))

    curve = b'curv' + bytes(4) + struct.pack('>IHH', 1, round(gamma * 256), 0)
    white = np.array([0.96420, 1.0, 0.82491])
    tags = {
        b'desc': b'desc' + bytes(4) + struct.pack('>I', 2) + b'a' + bytes(79),
        b'wtpt': xyz(white),
    }
    for letter, column in zip('rgb', primaries.T):
        tags[f'{letter}XYZ'.encode()] = xyz(column)
        tags[f'{letter}TRC'.encode()] = curve
    start = 128 + 4 + 12 * len(tags)
    table = body = b''
    for name, data in tags.items():
        table += name + struct.pack('>II', start + len(body), len(data))
        body += data.ljust(-(-len(data) // 4) * 4, b'\0')
    size = start + len(body)
    header = struct.pack('>I', size) + bytes(4) + b'\x02\x40\0\0mntrRGB XYZ '
    header = (
        header.ljust(36, b'\0')
        + b'acsp'
        + bytes(28)
        + struct.pack('>3i', *np.rint(white * 65536).astype(int))
    )
    return header.ljust(128, b'\0') + struct.pack('>I', len(tags)) + table + body


def test_colors_of_a_profile_become_srgb(tmp_path):
    rgb = np.array([[[128, 102, 77], [60, 90, 120], [200, 200, 200]]], np.uint8)
    Image.fromarray(rgb).save(tmp_path / 'a.png', icc_profile=display_profile(P3, 2.2))
    light = np.linalg.inv(SRGB) @ P3 @ ((rgb[0] / 255) ** 2.2).T
    expected = 255 * (1.055 * light ** (1 / 2.4) - 0.055).T
    found = read_photograph(tmp_path / 'a.png').pixels[0, :, ::-1]
    assert np.abs(found - expected).max() <= 1.5
    assert np.abs(expected - rgb[0]).max() > 4


def test_a_profile_that_does_not_fit_is_named(tmp_path):
    rgb = noise(8, 8, 3, bits=8)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile('LAB')).tobytes()
    Image.fromarray(rgb).save(tmp_path / 'a.png', icc_profile=lab)
    photograph = read_photograph(tmp_path / 'a.png')
    np.testing.assert_array_equal(photograph.pixels[..., ::-1], rgb)
    assert 'ICC profile ignored' in photograph.notes[0]


def test_an_srgb_profile_changes_nothing(tmp_path):
    rgb = noise(8, 8, 3, bits=8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    Image.fromarray(rgb).save(tmp_path / 'a.png', icc_profile=profile)
    photograph = read_photograph(tmp_path / 'a.png')
    np.testing.assert_array_equal(photograph.pixels[..., ::-1], rgb)
    assert not photograph.notes


def test_the_first_frame_is_said_to_be_one(tmp_path):
    frames = [Image.fromarray(noise(8, 8, 3, bits=8)) for _ in range(2)]
    frames[1] = frames[1].rotate(90)
    frames[0].save(tmp_path / 'a.gif', save_all=True, append_images=frames[1:])
    assert read_photograph(tmp_path / 'a.gif').notes == ('the first of 2 frames',)


@pytest.mark.parametrize(
    'content, name',
    [(b'v/1\x01' + bytes(60), 'EXR'), (b'\x00\x00\x00\x18ftypheic' + bytes(60), 'HEIC')],
)
def test_formats_that_are_not_read_are_named(read, content, name):
    with pytest.raises(BrokenImageError, match=name):
        read(content)


@pytest.mark.parametrize('compression', ['tiff_ccitt', 'group3', 'group4'])
def test_fax_pages_are_refused(read, compression):
    # Found by fuzzing: damaged ones came out as stripes, without an error.
    file = io.BytesIO()
    Image.new('1', (32, 8)).save(file, 'TIFF', compression=compression)
    with pytest.raises(UnsupportedImageError, match='fax page'):
        read(file.getvalue())


def test_a_row_that_is_too_long_for_decoders_is_refused(read):
    # Found by fuzzing: Pillow raised MemoryError.
    width = 134_228_553
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, 1),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, 1, 3),
    ]
    content = (
        b'II*\0'
        + struct.pack('<IH', 8, len(entries))
        + b''.join(struct.pack('<HHII', *entry) for entry in entries)
        + bytes(8)
    )
    with pytest.raises(UnsupportedImageError, match=f'{width}x1 pixels, more'):
        read(content)


def test_the_limit_of_pixels_is_stated_and_can_be_raised(read, monkeypatch):
    content = b'P5 40 30 255\n' + bytes(1200)
    monkeypatch.setenv('MMSDAG_MAX_PIXELS', '1000')
    with pytest.raises(UnsupportedImageError, match='MMSDAG_MAX_PIXELS=1200'):
        read(content)
    monkeypatch.setenv('MMSDAG_MAX_PIXELS', '1200')
    assert read(content).shape == (30, 40, 3)


# --- BMP --------------------------------------------------------------------


def rle_bmp(width: int, height: int, runs: bytes) -> bytes:
    """A BMP of RLE8 with a gray palette."""
    head = struct.pack('<IiiHHIIiiII', 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 256)
    palette = b''.join(bytes((n, n, n, 0)) for n in range(256))
    start = 14 + len(head) + len(palette)
    return b'BM' + struct.pack('<IHHI', start + len(runs), 0, 0, start) + head + palette + runs


def test_runs_that_cannot_fill_a_bmp_are_refused_at_once(read):
    row = b'\x03\x40\x02\x80\x00\x00'  # 3 x 64, 2 x 128, end of line
    image = read(rle_bmp(5, 2, 2 * row + b'\x00\x01'))
    np.testing.assert_array_equal(image[..., 0], 2 * [[64, 64, 64, 128, 128]])
    # Pillow fills each row pixel by pixel: minutes, if there are enough.
    with pytest.raises(
        BrokenImageError, match='14 bytes of runs are too few for 1048704x128 pixels'
    ):
        read(rle_bmp(1_048_704, 128, 2 * row + b'\x00\x01'))


@pytest.mark.parametrize('start', [0, 53])
def test_pixels_inside_of_a_bmp_header_are_refused(read, start):
    file = io.BytesIO()
    Image.fromarray(noise(6, 5, 3, bits=8)).save(file, 'BMP')
    content = file.getvalue()
    read(content)
    with pytest.raises(
        BrokenImageError, match=f'pixels begin at byte {start}, inside of the header of 54'
    ):
        read(content[:10] + struct.pack('<I', start) + content[14:])
