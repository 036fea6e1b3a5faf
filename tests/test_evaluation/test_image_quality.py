"""How images look, by hand, by other libraries and by the papers."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from PIL import Image
from skimage import data
from skimage.measure import shannon_entropy
from skimage.metrics import structural_similarity
from torch import nn

from mmsdag.evaluation import image_quality
from mmsdag.evaluation.fidelity import niqe, niqe_statistics, psnr, ssim
from mmsdag.evaluation.image_quality import lightness_order_error
from mmsdag.registry import DATASETS, METRICS, MODELS

lpips = pytest.importorskip('lpips')
NEEDS_STATISTICS = pytest.mark.skipif(
    niqe_statistics() is None, reason="needs NIQE's statistics, of MMagic"
)
CONFIGS = Path(__file__).parents[2] / 'configs' / '_base_'


def sample(output, **others) -> dict:
    """A data sample of images (H, W, 3), BGR."""
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        for name, image in dict(others, pred_img=output).items()
    }
    return dict(output=dict(pred_img=tensors.pop('pred_img')), **tensors)


def figures(name: str, *samples: dict, **kwargs) -> dict[str, float]:
    evaluator = Evaluator([dict(type=f'mmsdag.{name}', **kwargs)])
    evaluator.process(list(samples))
    return evaluator.evaluate(len(samples))


@pytest.fixture(scope='module')
def photograph() -> np.ndarray:
    """(512, 512, 3), BGR, uint8."""
    return np.ascontiguousarray(data.astronaut()[..., ::-1])


def alexnet() -> nn.Sequential:
    """AlexNet's convolutions (Krizhevsky 2014), numbered as torchvision's."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    )


# Against a ground truth


def test_psnr_is_that_of_a_calculation_by_hand():
    good = np.full((20, 20, 3), 100, np.uint8)
    made = good + np.float32([10, 20, 30])
    # Mean square (100 + 400 + 900) / 3; of the second image, 100.
    found = figures('PSNR', sample(made, gt_img=good), sample(good + np.float32(10), gt_img=good))
    expected = [10 * math.log10(255**2 / square) for square in (1400 / 3, 100)]
    assert found['PSNR'] == pytest.approx(sum(expected) / 2, rel=1e-5)


def test_ssim_is_scikit_images(photograph):
    good = photograph[:150, :100]
    made = np.clip(good * 0.6 + 20, 0, 255).astype(np.float32)
    expected = structural_similarity(
        good.astype(float),
        made.astype(float),
        data_range=255,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    found = figures('SSIM', sample(made, gt_img=good))['SSIM']
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize('function', [psnr, ssim])
def test_images_of_two_sizes_are_refused(function, photograph):
    with pytest.raises(ValueError, match=r'\(512, 512, 3\), \(20, 512, 3\)'):
        function(photograph, photograph[:20])


def test_luma_alone_is_compared_on_request(photograph):
    # MATLAB's rgb2ycbcr; pure blue has little of it.
    made = photograph.astype(np.float32)
    made[..., 0] += 10
    found = figures('PSNR', sample(made, gt_img=photograph), convert_to='Y')
    expected = 20 * math.log10(255 / (10 * 24.966 / 255))
    assert found['PSNR'] == pytest.approx(expected, rel=1e-3)


def test_a_border_is_left_out_on_request(photograph):
    made = photograph.astype(np.float32)
    made[:3] = 0
    assert figures('PSNR', sample(made, gt_img=photograph), crop_border=3)['PSNR'] == math.inf


def test_a_missing_ground_truth_is_named():
    black = np.zeros((20, 20, 3), np.float32)
    with pytest.raises(KeyError, match="PSNR compares with 'gt_img'.*input"):
        figures('PSNR', sample(black, input=black))


def test_niqe_without_its_statistics_is_left_out_with_the_remedy(monkeypatch, photograph):
    said = []
    monkeypatch.setattr(image_quality, 'niqe_statistics', lambda: None)
    monkeypatch.setattr(image_quality, 'print_log', lambda text, *_: said.append(text))
    assert figures('NIQE', sample(photograph, input=photograph)) == {}
    assert 'pip install --no-deps mmagic==1.2.0' in said[0]
    with pytest.raises(FileNotFoundError, match="'missing.npz' of NIQE"):
        figures('NIQE', sample(photograph, input=photograph), parameters='missing.npz')


def test_lpips_is_the_papers_formula_on_alexnets_features(photograph, tmp_path):
    features = alexnet()
    torch.save(features.state_dict(prefix='features.'), tmp_path / 'a.pth')
    learned = torch.load(f'{lpips.__path__[0]}/weights/v0.1/alex.pth', 'cpu', weights_only=True)
    good = photograph[100:228, 200:296]
    made = (good * 0.5).astype(np.float32)

    def stages(bgr):
        rgb = torch.from_numpy(bgr[..., ::-1].astype(np.float32) / 255)
        mean = torch.tensor([0.485, 0.456, 0.406])
        std = torch.tensor([0.229, 0.224, 0.225])
        x = ((rgb - mean) / std).permute(2, 0, 1)[None]
        for layer in features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                yield x / x.norm(dim=1, keepdim=True)

    def distance(good, made):
        return sum(
            ((a - b) ** 2 * learned[f'lin{stage}.model.1.weight']).sum(1).mean().item()
            for stage, (a, b) in enumerate(zip(stages(good), stages(made)))
        )

    with torch.no_grad():
        expected = distance(good, made)
        swapped = distance(good[..., ::-1], made[..., ::-1])
    found = figures('LPIPS', sample(made, gt_img=good), weights=str(tmp_path / 'a.pth'))['LPIPS']
    # lpips rounds ImageNet's means and deviations.
    assert found == pytest.approx(expected, rel=0.005)
    assert swapped != pytest.approx(expected, rel=0.02)


def test_lpips_without_its_weights_says_how_to_get_them_or_do_without():
    with pytest.raises(
        FileNotFoundError, match="weights='missing.pth'.*MMSDAG_ALEXNET; 'none' leaves"
    ):
        METRICS.build(dict(type='mmsdag.LPIPS', weights='missing.pth'))
    black = np.zeros((64, 64, 3), np.float32)
    assert figures('LPIPS', sample(black), weights='none') == {}


def test_lpips_refuses_the_weights_of_another_network(tmp_path):
    torch.save(dict(state_dict={'conv.weight': torch.ones(3)}), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match="other.pth' of LPIPS are not those"):
        METRICS.build(dict(type='mmsdag.LPIPS', weights=str(tmp_path / 'other.pth')))


# Against the input, or nothing


@NEEDS_STATISTICS
def test_niqe_of_a_gray_image_is_that_of_its_authors_program():
    image = data.camera()[..., None].repeat(3, -1)
    found = figures('NIQE', sample(image.astype(np.float32), input=image))['NIQE']
    # Their release in MATLAB, run in Octave 7.3.
    assert found == pytest.approx(3.0962022, rel=1e-4)


@NEEDS_STATISTICS
def test_niqe_takes_colors_in_their_order_and_no_ground_truth(photograph):
    gray = np.asarray(Image.fromarray(photograph[..., ::-1]).convert('L'))
    expected = niqe(gray, niqe_statistics())
    found, swapped = (
        figures('NIQE', sample(image.astype(np.float32), input=image))['NIQE']
        for image in (photograph, photograph[..., ::-1])
    )
    # Pillow rounds the gray levels in another way.
    assert found == pytest.approx(expected, rel=1e-3)
    assert swapped != pytest.approx(expected, rel=1e-3)


@NEEDS_STATISTICS
def test_niqe_leaves_out_images_that_have_none(photograph):
    images = [photograph[:192, :96], photograph[:191, :100], np.zeros((200, 200, 3), np.uint8)]
    parts = [sample(image.astype(np.float32), input=image) for image in images]
    assert figures('NIQE', *parts) == figures('NIQE', parts[0])
    assert math.isnan(figures('NIQE', *parts[1:])['NIQE'])


def naive_order_error(image, enhanced) -> float:
    """Wang et al., equations 22 to 24, pixel by pixel."""
    before, after = ([max(pixel) for row in x.tolist() for pixel in row] for x in (image, enhanced))
    total = 0
    for p in range(len(before)):
        for q in range(len(before)):
            total += (before[p] >= before[q]) != (after[p] >= after[q])
    return total / len(before)


def test_loe_is_the_sum_over_all_pairs_of_pixels():
    rng = np.random.default_rng(0)
    # Few levels: many are equal.
    image, enhanced = rng.integers(0, 6, (2, 9, 13, 3))
    found = figures('LightnessOrderError', sample(enhanced.astype(np.float32), input=image))['LOE']
    assert found == pytest.approx(naive_order_error(image, enhanced))
    # By hand: 10 and 20 change places, 30 stays. Two of the nine ordered
    # pairs differ, over three pixels.
    row, other = (
        np.array(levels)[None, :, None].repeat(3, -1) for levels in ([10, 20, 30], [20, 10, 30])
    )
    assert lightness_order_error(row, other) == pytest.approx(2 / 3)


def test_loe_of_a_large_image_is_that_of_a_grid_of_50():
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (2, 50, 60, 3))
    large = small.repeat(3, 1).repeat(3, 2)
    assert lightness_order_error(*large) == lightness_order_error(*small) > 0


def test_loe_is_zero_for_a_curve_that_rises(photograph):
    darker = photograph // 2  # levels 0 to 127
    brighter = np.float32([round(255 * (v / 127) ** 0.9) for v in range(128)])
    assert len(set(brighter)) == 128
    assert lightness_order_error(darker, brighter[darker]) == 0


def test_loe_refuses_images_of_different_sizes(photograph):
    with pytest.raises(ValueError, match=r'\(512, 512, 3\), \(9, 512, 3\)'):
        lightness_order_error(photograph, photograph[:9])


def test_statistics_are_those_of_levels_colors_and_gray(photograph):
    # Half is red (gray 76), half black.
    image = np.zeros((4, 4, 3), np.float32)
    image[:2, :, 2] = 255
    found = figures('ImageStatistics', sample(image))
    # Eight of 48 values are 1.
    assert found == pytest.approx(dict(mean=1 / 6, contrast=math.sqrt(1 / 6 - 1 / 36), entropy=1.0))
    gray = photograph[..., :1].repeat(3, -1)
    found = figures('ImageStatistics', sample(gray.astype(np.float32)))
    assert found['entropy'] == pytest.approx(shannon_entropy(gray[..., 0]))
    assert found['contrast'] == pytest.approx(gray.std() / 255)


# Together


def test_colors_of_output_and_ground_truth_meet_in_a_test_config(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    dark = rng.integers(0, 60, (24, 32, 3), np.uint8)
    bright = dark * 3 + np.uint8([60, 20, 0])  # red above green above blue
    (tmp_path / 'images').mkdir()
    for name, pixels in (('0901.png', dark), ('0902.png', bright)):
        Image.fromarray(pixels).save(tmp_path / 'images' / name)
    scene = dict(images=['0901.png', '0902.png'], dark=['0901.png'], bright='0902.png')
    (tmp_path / 'scenes.json').write_text(json.dumps([scene]))
    monkeypatch.setenv('MMSDAG_BRACKETS', str(tmp_path))
    monkeypatch.setenv('MMSDAG_ALEXNET', 'none')
    cfg = Config.fromfile(CONFIGS / 'datasets' / 'brackets_test.py')
    model = MODELS.build(
        dict(type='mmsdag.ZeroDCE', generator=dict(type='mmsdag.ZeroDCENet'))
    ).eval()
    # Curves of 0 leave images as they are.
    torch.nn.init.zeros_(model.generator.conv7.weight)
    torch.nn.init.zeros_(model.generator.conv7.bias)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    with torch.no_grad():
        outputs = model.test_step(pseudo_collate([dataset[0]]))
    evaluator = Evaluator(cfg.test_evaluator[:-1])  # but SDAG's
    evaluator.process(outputs)
    found = evaluator.evaluate(1)
    square = np.mean((bright.astype(float) - dark) ** 2)
    assert found['PSNR'] == pytest.approx(10 * np.log10(255**2 / square))
    assert found['mean'] == pytest.approx(dark.mean() / 255)
    assert found['LOE'] == 0
    assert math.isnan(found.pop('NIQE', math.nan))
    assert set(found) == {'PSNR', 'SSIM', 'LOE', 'mean', 'contrast', 'entropy'}
