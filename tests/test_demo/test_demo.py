from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mmsdag.cli.demo import main
from mmsdag.models.enhancers import ZeroDCENet
from mmsdag.models.sdag import SDAGNet, VGGExtractor

pytestmark = pytest.mark.slow

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
# Three iterations on tiny crops of tiny photographs.
TINY = [
    '--max-side',
    '64',
    '--cfg-options',
    'train_cfg.max_iters=3',
    'default_hooks.logger.interval=1',
    'default_hooks.checkpoint.interval=1',
    'default_hooks.checkpoint.max_keep_ckpts=3',
    'train_dataloader.batch_size=2',
    'train_dataloader.dataset.min_size=32',
    'train_dataloader.dataset.pipeline.1.crop_size=(32,32)',
    '--scenes',
    '0',
]
# Two iterations on three scenes.
RECOGNITION = [
    '--scenes',
    '3',
    '--scenes-options',
    'train_cfg.max_iters=2',
    'train_dataloader.batch_size=2',
    'param_scheduler.total_steps=2',
]
VERSIONS = {
    'dark input': 'dark',
    'Zero-DCE, unguided': 'unguided',
    'Zero-DCE, guided': 'guided',
    'well-lit original': 'reference',
}


def run_demo(*args: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, TOOLS / 'demo.py', *TINY, *args], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope='module')
def extractor(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'sdag.pth'
    weights = VGGExtractor(init_cfg=None).state_dict()
    torch.save(
        dict(state_dict={f'generator.extractor.{name}': value for name, value in weights.items()}),
        path,
    )
    return path


@pytest.fixture(scope='module')
def demo(tmp_path_factory, extractor) -> Path:
    out = tmp_path_factory.mktemp('demo')
    run_demo('--out', out, '--extractor', extractor, *RECOGNITION)
    return out


@pytest.fixture(scope='module')
def own(tmp_path_factory, extractor, demo) -> Path:
    out = tmp_path_factory.mktemp('own')
    photos = demo / 'photographs' / 'dark'
    run_demo('--out', out, '--extractor', extractor, '--data', photos)
    return out


class Page(HTMLParser):
    """Addresses, images by their text and table rows of the report."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.images: dict[str, str] = {}
        self.rows: list[list[str]] = []
        self.in_cell = False
        self.text = path.read_text(encoding='utf-8')
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        attributes = dict(attrs)
        for name in ('src', 'href', 'xlink:href', 'srcset', 'data'):
            if attributes.get(name):
                self.addresses.append(attributes[name])
        if tag == 'img':
            alt = attributes['alt'].replace('\n', ' ')
            self.images[alt] = attributes['src']
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th'):
            self.rows[-1].append('')
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ('td', 'th'):
            self.in_cell = False

    def handle_data(self, data: str) -> None:
        if self.in_cell:
            self.rows[-1][-1] += data.strip()

    def figures(self) -> dict[tuple[str, str], list[str]]:
        """Cells of the table by photograph and version."""
        cells, photo = {}, ''
        for row in self.rows:
            if len(row) > 2 and row[1] in VERSIONS:
                photo = row[0] or photo
                cells[photo, VERSIONS[row[1]]] = row[2:]
        return cells


@pytest.fixture(scope='module')
def page(demo) -> Page:
    return Page(demo / 'report.html')


def network(cls: type, path: Path, **kwargs) -> torch.nn.Module:
    weights = torch.load(path, weights_only=True)['state_dict']
    net = cls(**kwargs)
    net.load_state_dict({name[len('generator.') :]: value for name, value in weights.items()})
    return net.eval()


def rgb(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def similarity(reference: np.ndarray, picture: np.ndarray) -> float:
    # The settings of Wang et al. 2004.
    return structural_similarity(
        reference,
        picture,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )


def as_batch(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255


def to_bytes(image: torch.Tensor) -> np.ndarray:
    image = image[0].permute(1, 2, 0).clamp(0, 1) * 255
    return image.round().byte().numpy()


@torch.no_grad()
def recomputed(out: Path) -> dict[tuple[str, str], list[str]]:
    """The table's cells, by networks, PIL and scikit-image alone."""
    sdag = network(
        SDAGNet,
        out / 'checkpoints' / 'sdag.pth',
        extractor=dict(type='mmsdag.VGGExtractor', init_cfg=None),
    )
    cells = {}
    for path in (out / 'photographs' / 'held_out').iterdir():
        dark = as_batch(rgb(path))
        images = {'dark': dark}
        for name in ('unguided', 'guided'):
            net = network(ZeroDCENet, out / 'checkpoints' / f'{name}.pth')
            images[name] = net(dark)[0]
        reference = rgb(out / 'photographs' / 'reference' / path.name)
        images['reference'] = as_batch(reference)
        for name, image in images.items():
            picture = to_bytes(image)
            closeness = ['–', '–', '–']
            if name != 'reference':
                gain = images['reference'].mean() / image.mean()
                matched = to_bytes(image * gain)
                closeness = [
                    f'{peak_signal_noise_ratio(reference, picture):.2f}',
                    f'{peak_signal_noise_ratio(reference, matched):.2f}',
                    f'{similarity(reference, picture):.4f}',
                ]
            cells[path.stem, name] = [
                f'{(image - sdag(image)).abs().mean():.4f}',
                f'{image.mean():.3f}',
                *closeness,
            ]
    return cells


def test_the_report_refers_to_no_file_and_no_server(page):
    assert page.images
    outside = [address for address in page.addresses if not address.startswith(('data:', '#'))]
    assert outside == []
    assert re.findall(r'url\((?!#)|@import|<script', page.text) == []


def test_the_table_equals_a_recomputation_from_the_checkpoints(demo, page):
    expected = recomputed(demo)
    shown = page.figures()
    assert len(expected) == 3 * 4
    for key, cells in expected.items():
        # The last digit may fall to either side.
        for there, wanted in zip(shown[key], cells):
            if wanted == '–':
                assert there == wanted
                continue
            unit = 10.0 ** -len(wanted.partition('.')[2])
            assert float(there) == pytest.approx(float(wanted), abs=1.01 * unit), key


def test_the_mean_is_that_of_the_photographs(page):
    shown = page.figures()
    for version in ('dark', 'unguided', 'guided'):
        psnr = [
            float(cells[2])
            for (photo, name), cells in shown.items()
            if name == version and photo != 'mean of 3'
        ]
        mean = float(shown['mean of 3', version][2])
        assert mean == pytest.approx(sum(psnr) / 3, abs=0.01)


def test_each_version_is_shown_with_its_error_map(demo, page):
    for photo in ('chelsea', 'china', 'coffee'):
        size = Image.open(demo / 'photographs/held_out' / f'{photo}.png').size
        for title in VERSIONS:
            for alt in (f'{photo}, {title}', f'error map of {photo}, {title}'):
                data = page.images[alt].partition('base64,')[2]
                image = Image.open(io.BytesIO(base64.b64decode(data)))
                assert image.size == size, alt


def test_recognition_is_shown_as_it_was_measured(demo, page):
    content = json.loads((demo / 'recognition/figures.json').read_text())
    titles = dict(
        day='daylight',
        night='night, as it is',
        gamma='night, gamma 1/2.2',
        unguided='night, Zero-DCE',
        guided='night, Zero-DCE + SDAG',
        consistent='night, BlendUNet + recognizers',
    )
    assert content['figures'].keys() == titles.keys()
    for name, row in content['figures'].items():
        cells = [f'{row["mIoU"]:.1f}', f'{row["mAP50"]:.1f}']
        assert [titles[name], *cells] in page.rows
        for kind in ('shapes segmented', 'boxes found'):
            assert f'scene 1, {kind}, {titles[name]}' in page.images


def test_recognition_is_by_the_enhancers_just_trained(demo):
    (config,) = (demo / 'recognition/tests/guided_detection').glob('*.py')
    assert str(demo / 'checkpoints' / 'guided.pth') in config.read_text()
    (config,) = (demo / 'recognition/tests/night_detection').glob('*.py')
    assert 'enhancer' not in config.read_text()


def test_recognition_can_be_left_out(own):
    assert not (own / 'recognition').exists()
    assert 'Recognition' not in (own / 'report.html').read_text()


def test_every_loss_term_has_a_curve(page):
    curves = page.text.split('id="curves"')[1].split('</section>')[0]
    # Five of Zero-DCE with its guidance, five of SDAG.
    assert curves.count('<svg') == 10


def test_held_out_photographs_do_not_train(demo):
    folder = demo / 'photographs'
    held_out = {path.stem for path in (folder / 'held_out').iterdir()}
    training = [path.stem for path in (folder / 'dark').iterdir()]
    training += [path.stem for path in (folder / 'bright').iterdir()]
    assert held_out == {'chelsea', 'china', 'coffee'}
    assert not [name for name in training if name.startswith(tuple(held_out))]
    # Two views of one scene count as one photograph.
    assert sum(name.startswith('motorcycle') for name in training) == 2 * 5


def test_both_zero_dce_trainings_begin_alike(demo):
    first = []
    for name in ('unguided', 'guided'):
        (log,) = (demo / 'training' / name).glob('*/vis_data/scalars.json')
        first.append(json.loads(log.read_text().splitlines()[0]))
    for term in ('loss_tv', 'loss_spa', 'loss_col', 'loss_exp'):
        assert first[0][term] == first[1][term]
    assert 'loss_sdag' not in first[0]
    assert first[1]['loss_sdag'] > 0


def test_a_second_call_trains_nothing_and_an_interrupted_stage_goes_on(demo, extractor):
    work_dir = demo / 'training' / 'guided'
    weights = demo / 'checkpoints' / 'guided.pth'
    before = torch.load(weights, weights_only=True)['state_dict']
    # As if killed after the second of three iterations.
    weights.unlink()
    (work_dir / 'iter_3.pth').unlink()
    (work_dir / 'last_checkpoint').write_text(str(work_dir / 'iter_2.pth'))
    page = (demo / 'report.html').read_bytes()
    output = run_demo('--out', demo, '--extractor', extractor, *RECOGNITION)
    # Of the stages SDAG and unguided; scenes, two recognizers, the enhancer
    # that they guide, and the tests; the report, as nothing has changed.
    assert output.count('done already') == 8
    assert (demo / 'report.html').read_bytes() == page
    after = torch.load(weights, weights_only=True)['state_dict']
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_own_photographs_are_measured_without_originals(own):
    page = Page(own / 'report.html')
    shown = page.figures()
    assert {version for _, version in shown} == {'dark', 'unguided', 'guided'}
    assert {len(cells) for cells in shown.values()} == {2}
    assert 'PSNR' not in page.text


def test_sdag_learns_on_what_zero_dce_makes_of_own_photographs(own):
    (config,) = (own / 'training' / 'sdag').glob('*.py')
    assert str(own / 'checkpoints' / 'unguided.pth') in config.read_text()


def test_own_photographs_held_out_are_others(own):
    digests = [
        {rgb(path).tobytes() for path in folder.iterdir()}
        for folder in (own / 'photographs' / 'dark', own / 'photographs' / 'held_out')
    ]
    assert len(digests[0]) == 16 and len(digests[1]) == 4
    assert not digests[0] & digests[1]


def error_of(capsys, *args: str | Path) -> str:
    with pytest.raises(SystemExit):
        main([str(arg) for arg in args])
    return capsys.readouterr().err


def test_a_missing_checkpoint_is_named_before_anything_is_done(capsys, tmp_path):
    out = tmp_path / 'out'
    error = error_of(capsys, '--out', out, '--extractor', tmp_path / 'none.pth')
    assert 'none.pth' in error and '--extractor' in error
    assert not out.exists()


def test_a_missing_folder_of_photographs_is_named(capsys, tmp_path, extractor):
    error = error_of(
        capsys, '--out', tmp_path, '--extractor', extractor, '--data', tmp_path / 'nowhere'
    )
    assert '--data' in error and 'nowhere' in error


def test_a_single_photograph_is_too_few(capsys, tmp_path, extractor):
    photos = tmp_path / 'photos'
    photos.mkdir()
    Image.new('RGB', (200, 200)).save(photos / 'one.png')
    error = error_of(capsys, '--out', tmp_path / 'out', '--extractor', extractor, '--data', photos)
    assert '1 usable photograph' in error


def test_a_foreign_folder_is_not_overwritten(capsys, tmp_path, extractor):
    precious = tmp_path / 'photographs' / 'precious.jpg'
    precious.parent.mkdir()
    precious.write_bytes(b'holiday')
    error = error_of(capsys, '--out', tmp_path, '--extractor', extractor)
    assert 'photographs was not made by this demo' in error
    assert precious.read_bytes() == b'holiday'
