from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmsdag.apis import LowLightInferencer, enhance_folder, plan_folder
from mmsdag.models import ZeroDCENet
from mmsdag.utils.image_io import BrokenImageError

REFERENCES = ('exdark_2015_02057', 'dicm_02', 'lol_lsrw_00001')


@pytest.fixture(scope='module')
def inferencer(config_file, checkpoint):
    return LowLightInferencer(config_file, checkpoint, device='cpu')


@pytest.fixture(scope='module')
def published(shared, checkpoint_of, config_file):
    """The authors' file, its layers renamed."""
    weights = torch.load(
        shared / 'weights' / 'zero_dce_official.pth', map_location='cpu', weights_only=True
    )
    network = ZeroDCENet()
    network.load_state_dict({key.replace('e_conv', 'conv'): v for key, v in weights.items()})
    return LowLightInferencer(config_file, checkpoint_of(network), device='cpu')


def rgb_to_bgr_bytes(image: np.ndarray) -> np.ndarray:
    """(3, H, W), RGB, [0, 1] to (H, W, 3), BGR, [0, 255]."""
    return image[::-1].transpose(1, 2, 0) * 255


@pytest.fixture(scope='module')
def photo() -> np.ndarray:
    """(110, 100, 3), BGR, uint8: noise on a ramp, dark."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 90, 110)[:, None, None]
    return (ramp + rng.uniform(0, 60, (110, 100, 3))).astype(np.uint8)


@pytest.mark.parametrize('name', REFERENCES)
def test_the_published_weights_give_the_authors_output(shared, published, name):
    reference = np.load(shared / 'reference' / f'{name}.npz')
    out = published.enhance(rgb_to_bgr_bytes(reference['input']), dtype=np.float32)
    expected = rgb_to_bgr_bytes(reference['zero_dce'])
    np.testing.assert_allclose(out / 255, expected / 255, atol=1e-5)


@pytest.mark.parametrize('name', REFERENCES)
def test_a_png_is_within_one_level_of_the_authors_output(shared, published, tmp_path, name):
    reference = np.load(shared / 'reference' / f'{name}.npz')
    # The inputs are 8-bit photographs.
    image = np.rint(rgb_to_bgr_bytes(reference['input'])).astype(np.uint8)
    cv2.imwrite(str(tmp_path / 'a.bmp'), image)
    published(tmp_path / 'a.bmp', out_dir=tmp_path / 'out')
    png = cv2.imread(str(tmp_path / 'out' / 'a.png'), cv2.IMREAD_UNCHANGED)
    expected = rgb_to_bgr_bytes(reference['zero_dce'])
    assert np.abs(png - expected).max() <= 1


def test_no_denormal_weight_is_left(published):
    for weight in published.network.parameters():
        tiny = (weight != 0) & (weight.abs() < 1e-30)
        assert not tiny.any()


def test_arrays_are_bgr(inferencer, photo):
    rgb = torch.from_numpy(photo[..., ::-1].copy()).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = inferencer.network.enhance(rgb.float() / 255)
    out = inferencer.enhance(photo, dtype=np.float32)
    np.testing.assert_allclose(
        out[..., ::-1] / 255, expected[0].permute(1, 2, 0).clamp(0, 1), atol=1e-5
    )


@pytest.mark.parametrize('tile', [50, 101])
def test_tiles_give_what_the_whole_image_gives(config_file, checkpoint, photo, tile):
    # docs/enhance.md states this figure.
    whole, cut = (
        LowLightInferencer(config_file, checkpoint, 'cpu', tile=size).enhance(photo, np.float32)
        for size in (0, tile)
    )
    assert np.abs(whole - cut).max() / 255 <= 2e-6


def test_a_smaller_overlap_would_show(config_file, checkpoint, photo):
    whole, cut = (LowLightInferencer(config_file, checkpoint, 'cpu', tile=size) for size in (0, 50))
    cut.runner.radius = 6
    difference = whole.enhance(photo, np.float32) - cut.enhance(photo, np.float32)
    assert np.abs(difference).max() / 255 > 1e-4


def test_no_piece_is_larger_than_the_tile(config_file, checkpoint, photo, monkeypatch):
    inferencer = LowLightInferencer(config_file, checkpoint, 'cpu', tile=50)
    sizes = []
    enhance = inferencer.network.enhance
    monkeypatch.setattr(
        inferencer.network, 'enhance', lambda x: (sizes.append(x.shape[-2:]), enhance(x))[1]
    )
    inferencer.enhance(photo)
    assert max(max(size) for size in sizes) <= 50
    # Rows: (110 - 14) / (50 - 14) -> 3; columns: (100 - 14) / 36 -> 3.
    assert len(sizes) == 9


def test_an_image_that_fits_is_not_cut(inferencer, photo, monkeypatch):
    assert inferencer.runner.tile**2 >= 400 * 600
    sizes = []
    monkeypatch.setattr(inferencer.network, 'enhance', lambda x: (sizes.append(x.shape), x)[1])
    inferencer.enhance(photo)
    assert sizes == [(1, 3, 110, 100)]


def test_a_global_network_warns_and_blends_its_tiles(make_inferencer):
    inferencer = make_inferencer('mmsdag.GlobalEnhancer')
    assert inferencer.runner.radius is None
    ramp = np.linspace(0, 150, 240, dtype=np.float32)
    photo = np.tile(ramp[:, None, None], (1, 100, 3))
    whole = inferencer.enhance(photo, np.float32)
    inferencer.runner.tile = 150
    with pytest.warns(UserWarning, match='GlobalEnhancer looks at the whole'):
        cut = inferencer.enhance(photo, np.float32)
    inferencer.runner.radius = 32  # the same overlap, but cut
    seamed = inferencer.enhance(photo, np.float32)

    def largest_step(image):
        # Away from the image's border, around the seam at half its height.
        rows = (image - whole).mean(axis=(1, 2))[60:180] / 255
        return np.abs(np.diff(rows)).max()

    assert largest_step(cut) < largest_step(seamed) / 5


def test_constant_tiles_blend_to_the_constant(make_inferencer):
    inferencer = make_inferencer('mmsdag.Identity', tile=150)
    inferencer.runner.radius = None
    image = np.full((200, 170, 3), 77, np.uint8)
    with pytest.warns(UserWarning, match='in tiles of'):
        np.testing.assert_array_equal(inferencer.enhance(image), image)


def test_sixteen_bits_are_kept(make_inferencer):
    inferencer = make_inferencer('mmsdag.Identity')
    image = np.arange(2 * 4 * 3, dtype=np.uint16).reshape(2, 4, 3) + 1000
    np.testing.assert_array_equal(inferencer.enhance(image, np.uint16), image)


def test_sixteen_bit_files_are_enhanced_at_full_precision(make_inferencer, tmp_path):
    inferencer = make_inferencer('mmsdag.Identity')
    image = np.arange(2 * 4 * 3, dtype=np.uint16).reshape(2, 4, 3) + 1000
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    (result,) = inferencer(tmp_path / 'a.png', out_dir=tmp_path / 'out', bit_depth=16)
    written = cv2.imread(str(result['out_path']), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, image)


def test_eight_bits_are_rounded_not_cut_off(make_inferencer):
    inferencer = make_inferencer('mmsdag.Identity')
    image = np.full((2, 2, 3), 99.6, np.float32)
    assert (inferencer.enhance(image) == 100).all()


def test_a_batch_gives_what_its_images_give(inferencer, photo):
    batch = np.stack([photo, photo[::-1]])
    together = inferencer.enhance(batch, np.float32)
    for image, out in zip(batch, together):
        np.testing.assert_allclose(
            inferencer.enhance(image, np.float32) / 255, out / 255, atol=2e-6
        )


def test_bfloat16_stays_within_a_few_levels(config_file, published, photo):
    exact = published.enhance(photo).astype(int)
    published.runner.amp_dtype = 'bfloat16'
    try:
        rough = published.enhance(photo).astype(int)
    finally:
        published.runner.amp_dtype = None
    assert 0 < np.abs(exact - rough).max() <= 4


def test_memory_running_out_makes_the_tiles_smaller(make_inferencer, monkeypatch):
    inferencer = make_inferencer('mmsdag.Identity')

    def enhance(x):
        if x.shape[-1] * x.shape[-2] > 1000:
            raise torch.cuda.OutOfMemoryError('no memory')
        return x

    monkeypatch.setattr(inferencer.network, 'enhance', enhance)
    image = np.arange(64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)
    np.testing.assert_array_equal(inferencer.enhance(image), image)
    # The next image may fit again.
    assert inferencer.runner.tile**2 > 64 * 64


def test_memory_running_out_is_an_error_where_nothing_may_be_cut(make_inferencer, monkeypatch):
    inferencer = make_inferencer('mmsdag.Identity', tile=0)

    def enhance(x):
        raise torch.cuda.OutOfMemoryError('no memory')

    monkeypatch.setattr(inferencer.network, 'enhance', enhance)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        inferencer.enhance(np.zeros((8, 8, 3), np.uint8))


@pytest.mark.parametrize(
    'image, message',
    [
        (np.zeros((4, 4), np.uint8), r'\(4, 4\)'),
        (np.zeros((4, 4, 4), np.uint8), r'\(4, 4, 4\)'),
        (np.zeros((0, 4, 3), np.uint8), r'\(0, 4, 3\)'),
        (np.zeros((4, 4, 3), np.int32), 'int32'),
        (np.full((4, 4, 3), np.nan, np.float32), 'infinite or undefined'),
    ],
)
def test_a_wrong_array_is_refused(inferencer, image, message):
    with pytest.raises(ValueError, match=message):
        inferencer.enhance(image)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(tile=-1), 'tile=-1'),
        (dict(tile='big'), "tile='big'"),
        (dict(tile=28), 'tile=28.*larger'),
        (dict(device='gpu'), "device='gpu'"),
        (dict(device='cuda:99'), 'cuda:99'),
        (dict(amp_dtype='int8'), 'int8'),
    ],
)
def test_a_wrong_option_is_refused(config_file, checkpoint, options, message):
    with pytest.raises(ValueError, match=message):
        LowLightInferencer(config_file, checkpoint, **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason='a CUDA device is the default here')
def test_the_default_device_is_the_cpu_without_cuda(config_file, checkpoint):
    assert LowLightInferencer(config_file, checkpoint).device == torch.device('cpu')


def test_authors_files_are_sent_to_the_converter(config_file, tmp_path):
    torch.save({'e_conv1.weight': torch.zeros(1)}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='mmsdag convert'):
        LowLightInferencer(config_file, tmp_path / 'a.pth', 'cpu')


def test_a_file_that_is_no_dict_is_refused(config_file, tmp_path):
    torch.save([torch.zeros(1)], tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='does not fit the network'):
        LowLightInferencer(config_file, tmp_path / 'a.pth', 'cpu')


def test_weights_of_another_network_are_refused(config_file, checkpoint_of):
    weights = checkpoint_of(ZeroDCENet(channels=8))
    with pytest.raises(ValueError, match='does not fit the network.*zero_dce.py'):
        LowLightInferencer(config_file, weights, 'cpu')


def test_the_checkpoint_is_taken_by_its_older_name(config_file, checkpoint, photo, logged_warnings):
    new = LowLightInferencer(config_file, checkpoint=checkpoint, device='cpu')
    assert not logged_warnings()
    old = LowLightInferencer(config_file, weights=checkpoint, device='cpu')
    assert logged_warnings() == ('weights of LowLightInferencer is now called checkpoint')
    LowLightInferencer(config_file, weights=checkpoint, device='cpu')
    assert not logged_warnings()
    np.testing.assert_array_equal(old.enhance(photo), new.enhance(photo))
    with pytest.raises(TypeError, match='two names of one argument'):
        LowLightInferencer(config_file, checkpoint, weights=checkpoint)


def test_names_are_listed_by_a_pattern():
    assert LowLightInferencer.list_models('sci.sdag_*_seed?') == [
        f'sci.sdag_dark_brackets_seed{seed}' for seed in range(3)
    ]
    assert {'none', 'clahe', 'sci', 'blend_unet.guided'} <= {*LowLightInferencer.list_models()}


@pytest.mark.parametrize('name', ['clahe', 'lime', 'fixed_gamma', 'none'])
def test_an_enhancer_without_weights_is_called_by_its_name(photo, name):
    out = LowLightInferencer(name, device='cpu').enhance(photo)
    assert out.shape == photo.shape
    assert np.array_equal(out, photo) == (name == 'none')


def test_an_enhancer_without_weights_needs_no_checkpoint(photo):
    gamma = LowLightInferencer(dict(type='mmsdag.GammaEnhancer'), device='cpu')
    # x ** (1 / 2.2), rounded to 8 bits
    expected = np.rint((photo / 255.0) ** (1 / 2.2) * 255)
    np.testing.assert_array_equal(gamma.enhance(photo), expected)


def test_a_classical_enhancer_of_the_whole_image_is_not_cut(photo):
    clahe = LowLightInferencer(dict(type='mmsdag.CLAHEEnhancer'), device='cpu')
    assert clahe.runner.radius is None
    lab = cv2.cvtColor(photo, cv2.COLOR_BGR2LAB)
    lab[..., 0] = cv2.createCLAHE(2, (8, 8)).apply(lab[..., 0].copy())
    expected = cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)
    np.testing.assert_array_equal(clahe.enhance(photo), expected)


def test_a_network_with_weights_needs_a_checkpoint(config_file):
    with pytest.raises(ValueError, match='has weights, but there is no chec'):
        LowLightInferencer(config_file, device='cpu')


def test_a_missing_checkpoint_is_named(config_file):
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        LowLightInferencer(config_file, 'nowhere.pth', 'cpu')


def test_a_config_without_a_network_is_refused(checkpoint):
    with pytest.raises(ValueError, match='no model.generator'):
        LowLightInferencer(Config(dict(lr=1)), checkpoint, 'cpu')


def test_a_model_that_does_not_enhance_is_refused(checkpoint):
    config = Config(dict(model=dict(generator=dict(type='mmsdag.SDAGNet'))))
    with pytest.raises(ValueError, match='SDAGNet has no enhance'):
        LowLightInferencer(config, checkpoint, 'cpu')


def test_an_array_gives_an_array(make_inferencer, photo):
    (result,) = make_inferencer('mmsdag.Identity')(photo)
    np.testing.assert_array_equal(result['image'], photo)
    assert result['path'] is None and result['out_path'] is None


def test_files_folders_and_arrays_may_be_mixed(make_inferencer, write_image, tmp_path):
    inferencer = make_inferencer('mmsdag.Identity')
    one = write_image(tmp_path / 'one.bmp')
    two = write_image(tmp_path / 'folder' / 'sub' / 'two.bmp')
    out = tmp_path / 'out'
    results = inferencer([tmp_path / 'folder', str(tmp_path / 'one.bmp'), one], out_dir=out)
    for result, image in zip(results, (two, one, one)):
        np.testing.assert_array_equal(result['image'], image)
    assert [r['out_path'] for r in results] == [
        out / 'sub' / 'two.png',
        out / 'one.png',
        out / '000002.png',
    ]
    assert all(r['out_path'].is_file() for r in results)


def test_a_broken_file_is_named(make_inferencer, tmp_path):
    (tmp_path / 'bad.png').write_bytes(b'no image')
    with pytest.raises(BrokenImageError, match='bad.png'):
        make_inferencer('mmsdag.Identity')(tmp_path)


def test_names_that_clash_are_refused_before_any_work(make_inferencer, write_image, tmp_path):
    for name in ('x/a.bmp', 'y/a.bmp'):
        write_image(tmp_path / name)
    with pytest.raises(ValueError, match='would both be written'):
        make_inferencer('mmsdag.Identity')(
            [tmp_path / 'x/a.bmp', tmp_path / 'y/a.bmp'], out_dir=tmp_path / 'out'
        )
    assert not (tmp_path / 'out').exists()


def test_another_bit_depth_is_refused(inferencer, photo):
    with pytest.raises(ValueError, match='bit_depth=12'):
        inferencer(photo, bit_depth=12)


def test_a_gray_image_stays_gray(make_inferencer):
    gray = np.full((4, 4, 3), 100, np.uint8)
    color = gray.copy()
    color[0, 0] = 1, 2, 4
    results = make_inferencer('mmsdag.Tint')([gray, color])
    # 100 * (0.299 * 1 + 0.587 * 0.5 + 0.114 * 0) = 59.25
    np.testing.assert_array_equal(results[0]['image'], 59)
    np.testing.assert_array_equal(results[1]['image'][1, 1], [0, 50, 100])


def test_a_gray_file_stays_gray_in_a_folder(make_inferencer, tmp_path):
    (tmp_path / 'in').mkdir()
    cv2.imwrite(str(tmp_path / 'in' / 'a.png'), np.full((4, 4), 100, np.uint8))
    pairs = plan_folder(tmp_path / 'in', tmp_path / 'out')
    enhance_folder(make_inferencer('mmsdag.Tint'), pairs, progress=False)
    out = cv2.imread(str(tmp_path / 'out' / 'a.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(out, 59)


@pytest.mark.parametrize(
    'values, message',
    [(np.linspace(0, 1, 48), 'look like .0, 1.'), (np.linspace(-2, 2, 48), 'look normalized')],
)
def test_floating_point_images_in_another_range_are_refused(make_inferencer, values, message):
    image = values.reshape(4, 4, 3).astype(np.float32)
    with pytest.raises(ValueError, match=message):
        make_inferencer('mmsdag.Identity').enhance(image)


@pytest.mark.parametrize(
    'values',
    [np.zeros(48), np.arange(48) % 2, np.linspace(-30, 280, 48)],
    ids=['black', 'whole numbers', 'jittered'],
)
def test_floating_point_images_in_their_range_are_taken(make_inferencer, values):
    image = values.reshape(4, 4, 3).astype(np.float32)
    make_inferencer('mmsdag.Identity').enhance(image)


def test_an_array_of_several_images_gives_several_results(make_inferencer):
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), np.uint8)
    results = make_inferencer('mmsdag.Identity')(images)
    for result, image in zip(results, images, strict=True):
        np.testing.assert_array_equal(result['image'], image)


def test_pil_images_are_taken(make_inferencer):
    rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    (result,) = make_inferencer('mmsdag.Identity')(Image.fromarray(rgb))
    np.testing.assert_array_equal(result['image'], rgb[..., ::-1])


@pytest.mark.parametrize('image', [torch.rand(3, 4, 4), b'x', 3])
def test_other_types_are_refused_with_a_remedy(make_inferencer, image):
    with pytest.raises(TypeError, match=f'{type(image).__name__}: give a'):
        make_inferencer('mmsdag.Identity')(image)
