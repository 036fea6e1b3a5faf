from __future__ import annotations

import base64
import csv
import gc
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmsdag.cli.benchmark import main

pytest.importorskip('mmdet')
pytest.importorskip('mmseg')
from helpers import tiny_recognizers  # noqa: E402, F401  (registers them)

from mmsdag.benchmark import read_plan, runs  # noqa: E402
from mmsdag.benchmark.pictures import draw_boxes  # noqa: E402

pytestmark = pytest.mark.slow

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
CLASSES = ('boat', 'bicycle')
# Of the four images the first has a thing of 40, the others of 60, of 255:
# the detector sees what is above 100. Twice as bright, it sees the last
# three, three times as bright, all; so it does after gamma.
LEVELS = (40, 60, 60, 60)
RECALL_3_OF_4 = 100 * 76 / 101


@pytest.fixture(scope='module', autouse=True)
def frozen_garbage():
    """Each dataset collects garbage: not among all that the packages hold."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Bench:
    """A folder with data, recognisers, enhancers and a spec."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work_dir = root / 'work'
        self.write_data()
        for name, weights in (
            ('det', dict(threshold=100.0)),
            ('seg', dict(threshold=100.0)),
            ('double', {'generator.gain': 2.0}),
            ('triple', {'generator.gain': 3.0}),
            ('same', {'generator.gain': 1.0}),
            ('broken', {'generator.gain': -1.0}),
        ):
            self.write_weights(name, **weights)
        self.write_config(
            'det',
            'mmdet',
            'BrightDetector',
            'DetDataPreprocessor',
            'CocoDataset',
            'PackDetInputs',
            with_bbox=True,
        )
        self.write_config(
            'seg',
            'mmseg',
            'BrightSegmenter',
            'SegDataPreProcessor',
            'BaseSegDataset',
            'PackSegInputs',
        )
        gain = dict(type='mmsdag.Gain')
        self.content = dict(
            enhancers=dict(
                raw=None,
                gamma=dict(enhancer=dict(type='mmsdag.GammaEnhancer')),
                double=dict(enhancer=gain, checkpoint='double.pth'),
                triple=dict(enhancer=gain, checkpoint='triple.pth', guided_twin_of='double'),
            ),
            recognizers=dict(detector=dict(config='det.py', checkpoint='det.pth', task='det')),
            datasets=dict(
                things=dict(
                    dataset=dict(
                        type='mmdet.CocoDataset',
                        data_root=str(root),
                        ann_file='boxes.json',
                        metainfo=dict(classes=('bicycle',)),
                        data_prefix=dict(img='JPEGImages'),
                    ),
                    evaluator=dict(
                        type='mmdet.CocoMetric', ann_file=str(root / 'boxes.json'), metric='bbox'
                    ),
                )
            ),
            bootstrap=dict(samples=200),
            pictures=2,
            work_dir=str(self.work_dir),
        )

    def write_data(self) -> None:
        """As COCO, as ExDark, and with masks."""
        random = np.random.default_rng(0)
        for folder in ('JPEGImages', 'Annotations', 'masks'):
            (self.root / folder).mkdir()
        images, annotations = [], []
        lines = ['Name | Class | Light | In/Out | Train/Val/Test']
        for i, level in enumerate(LEVELS):
            pixels = random.integers(5, 12, (32, 32, 3)).astype(np.uint8)
            mask = np.zeros((32, 32), np.uint8)
            x, y, w, h = 4 + i, 6, 10, 14
            pixels[y : y + h, x : x + w] = level
            mask[y : y + h, x : x + w] = 1
            Image.fromarray(pixels).save(self.root / 'JPEGImages' / f'{i}.png')
            Image.fromarray(mask).save(self.root / 'masks' / f'{i}.png')
            images.append(dict(id=i + 1, file_name=f'{i}.png', width=32, height=32))
            annotations.append(
                dict(
                    id=i + 1,
                    image_id=i + 1,
                    category_id=7,
                    bbox=[x, y, w, h],
                    area=w * h,
                    iscrowd=0,
                )
            )
            (self.root / 'Annotations' / f'{i}.png.xml').write_text(
                '<annotation><size><width>32</width><height>32</height>'
                '</size><object><name>Bicycle</name><bndbox>'
                f'<xmin>{x + 1}</xmin><ymin>{y + 1}</ymin>'
                f'<xmax>{x + w + 1}</xmax><ymax>{y + h + 1}</ymax></bndbox>'
                '</object></annotation>'
            )
            # Light 1 is "Low", 10 is "Twilight".
            lines.append(f'{i}.png 1 {1 if i == 0 else 10} 1 3')
        (self.root / 'imageclasslist.txt').write_text('\n'.join(lines))
        self.annotation = dict(
            images=images, annotations=annotations, categories=[dict(id=7, name='bicycle')]
        )
        (self.root / 'boxes.json').write_text(json.dumps(self.annotation))

    def write_weights(self, name: str, **weights: float) -> None:
        state = {key: torch.tensor(value) for key, value in weights.items()}
        torch.save(dict(state_dict=state), self.root / f'{name}.pth')

    def write_config(
        self,
        name: str,
        scope: str,
        model: str,
        preprocessor: str,
        dataset: str,
        pack: str,
        **annotations: bool,
    ) -> None:
        (self.root / f'{name}.py').write_text(
            f'default_scope = {scope!r}\n'
            f"model = dict(type='mmsdag.{model}', data_preprocessor=dict("
            f'type={preprocessor!r}))\n'
            f'test_dataloader = dict(dataset=dict(type={dataset!r}, '
            f'metainfo=dict(classes={CLASSES!r}), pipeline=['
            "dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', "
            f'**{annotations!r}), dict(type={pack!r})]))\n'
        )

    def write_spec(self) -> Path:
        path = self.root / 'spec.py'
        path.write_text('\n'.join(f'{key} = {value!r}' for key, value in self.content.items()))
        return path

    def run(self, *args: str) -> int:
        return main([str(self.write_spec()), *args])

    def cells(self) -> dict[str, int]:
        """The files of the cells, and when they were made."""
        return {
            path.name: path.stat().st_mtime_ns for path in (self.work_dir / 'cells').glob('*.npz')
        }

    def figures(self, **where: str) -> list[dict[str, str]]:
        """Lines of the CSV."""
        text = (self.work_dir / 'figures.csv').read_text()
        where = dict(dict(minus='', subset='all', metric='bbox_mAP_50'), **where)
        return [
            line
            for line in csv.DictReader(io.StringIO(text))
            if all(line[key] == value for key, value in where.items())
        ]

    def value(self, enhancer: str, **where: str) -> float:
        (line,) = self.figures(enhancer=enhancer, **where)
        return float(line['value'])


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope='module')
def done(tmp_path_factory) -> Bench:
    """Both plug-in points, detection in two formats, and segmentation."""
    bench = Bench(tmp_path_factory.mktemp('bench'))
    bench.content['plug_in'] = ['preprocessor', 'transform']
    bench.content['bootstrap']['group'] = 'lighting'
    bench.content['recognizers']['segmenter'] = dict(config='seg.py', checkpoint='seg.pth')
    bench.content['datasets'].update(
        lit=dict(
            dataset=dict(
                type='mmsdag.ExDarkDataset',
                data_root=str(bench.root),
                ann_file='imageclasslist.txt',
                metainfo=dict(classes=('Bicycle', 'Boat')),
            ),
            evaluator=dict(type='mmdet.VOCMetric', metric='mAP', eval_mode='area'),
            class_names=dict(Bicycle='bicycle', Boat='boat'),
        ),
        masks=dict(
            dataset=dict(
                type='mmseg.BaseSegDataset',
                data_root=str(bench.root),
                img_suffix='.png',
                metainfo=dict(classes=CLASSES, palette=[[0, 0, 0], [255, 0, 0]]),
                data_prefix=dict(img_path='JPEGImages', seg_map_path='masks'),
            ),
            evaluator=dict(type='mmseg.IoUMetric'),
        ),
    )
    assert bench.run() == 0
    return bench


@pytest.mark.parametrize('plug_in', ['preprocessor', 'transform'])
@pytest.mark.parametrize(
    'enhancer, expected', [('raw', 0), ('gamma', 100), ('double', RECALL_3_OF_4), ('triple', 100)]
)
def test_detection_figures_are_those_that_can_be_counted(done, plug_in, enhancer, expected):
    for dataset in ('things', 'lit'):
        value = done.value(enhancer, plug_in=plug_in, dataset=dataset)
        assert value == pytest.approx(expected)


def test_segmentation_figures_are_those_that_can_be_counted(done):
    # Of 1024 pixels 140 are the thing's, in each of the four images.
    ground = [884 / 1024, (4 * 884) / (4 * 884 + 140)]
    expected = dict(raw=(ground[0] + 0) / 2, double=(ground[1] + 3 / 4) / 2, triple=1)
    for enhancer, value in expected.items():
        for plug_in in ('preprocessor', 'transform'):
            assert done.value(
                enhancer, dataset='masks', metric='mIoU', plug_in=plug_in
            ) == pytest.approx(100 * value)


@pytest.fixture
def labeled(bench) -> Bench:
    """A classifier on the four images, the first three of one track."""
    pytest.importorskip('mmpretrain')
    bench.write_config(
        'cls',
        'mmpretrain',
        'BrightClassifier',
        'ClsDataPreprocessor',
        'CustomDataset',
        'PackInputs',
    )
    # No labels to load: they are in the list.
    text = (bench.root / 'cls.py').read_text()
    (bench.root / 'cls.py').write_text(text.replace("dict(type='LoadAnnotations', **{}), ", ''))
    (bench.root / 'labels.txt').write_text('\n'.join(f'{i}.png 1' for i in range(4)))
    bench.content['recognizers'] = dict(classifier=dict(config='cls.py', checkpoint='det.pth'))
    bench.content['datasets'] = dict(
        labels=dict(
            dataset=dict(
                type='mmpretrain.CustomDataset',
                data_root=str(bench.root),
                ann_file='labels.txt',
                data_prefix='JPEGImages',
                metainfo=dict(classes=CLASSES),
            ),
            evaluator=dict(type='mmpretrain.Accuracy'),
        )
    )
    bench.content['enhancers'].pop('triple')
    return bench


def test_accuracy_can_be_counted_at_both_plug_in_points(labeled):
    labeled.content['plug_in'] = ['preprocessor', 'transform']
    assert labeled.run() == 0
    for plug_in in ('preprocessor', 'transform'):
        values = {
            name: labeled.value(name, metric='top1', plug_in=plug_in)
            for name in ('raw', 'double', 'gamma')
        }
        assert values == dict(raw=0, double=75, gamma=100)
        assert labeled.value('double', metric='stock: accuracy/top1', plug_in=plug_in) == 75
    page = (labeled.work_dir / 'report.html').read_text()
    assert 'accuracy' in page and 'bicycle' in page


def test_a_classifier_of_other_classes_is_refused(labeled, capsys):
    labeled.content['datasets']['labels']['dataset']['metainfo'] = dict(classes=('bicycle', 'boat'))
    with pytest.raises(SystemExit):
        labeled.run()
    assert 'classifiers must have been trained' in capsys.readouterr().err


def test_only_boxes_of_both_views_can_be_merged(labeled, capsys):
    labeled.content['plug_in'] = 'transform'
    labeled.content['enhancers']['gamma']['with_original'] = True
    with pytest.raises(SystemExit):
        labeled.run()
    message = capsys.readouterr().err
    assert 'enhancers.gamma.with_original: datasets.labels is for' in message
    assert 'enhancers.gamma.datasets' in message


def test_the_stock_evaluators_figures_are_in_the_csv(done):
    lines = {
        line['metric']: float(line['value'])
        for metric in ('stock: coco/bbox_mAP_50', 'stock: pascal_voc/AP50', 'stock: mIoU')
        for line in done.figures(enhancer='gamma', plug_in='transform', metric=metric)
    }
    assert lines == {
        'stock: coco/bbox_mAP_50': 100,
        'stock: pascal_voc/AP50': pytest.approx(100),
        'stock: mIoU': 100,
    }


def test_each_kind_of_light_has_figures_of_its_own(done):
    values = {
        light: done.value('double', dataset='lit', plug_in='transform', subset=f'lighting: {light}')
        for light in ('Low', 'Twilight')
    }
    assert values == dict(Low=0, Twilight=pytest.approx(100))


def test_images_of_a_group_are_drawn_together_where_there_are_groups(done):
    def low_end(dataset: str) -> float:
        (line,) = done.figures(dataset=dataset, plug_in='transform', enhancer='double')
        return float(line['low'])

    # The image that is not seen is the only one in "Low": each fourth draw
    # of two kinds of light is twice that, but only one of 256 of images.
    assert low_end('lit') == 0 < low_end('things')
    text = (done.work_dir / 'report.md').read_text()
    assert re.search(r'## lit, .*\(4 images, 2 by lighting\)', text)
    assert re.search(r'## things, .*\(4 images\)', text)


def test_a_difference_that_one_image_makes_is_noise(done):
    (line,) = done.figures(dataset='things', plug_in='transform', enhancer='triple', minus='double')
    assert float(line['value']) == pytest.approx(100 - RECALL_3_OF_4)
    assert float(line['low']) == 0
    assert line['verdict'] == 'within noise'
    text = (done.work_dir / 'report.md').read_text()
    assert 'triple and double differ by +24.8 mAP50: within noise' in text


def test_a_difference_that_all_images_make_is_none(done):
    (line,) = done.figures(dataset='things', plug_in='transform', enhancer='gamma', minus='raw')
    assert line['verdict'] == 'better'


def test_images_as_they_are_are_measured_once_for_both_plug_in_points(done):
    keys = {
        line['plug_in']: line['cells'] for line in done.figures(dataset='things', enhancer='raw')
    }
    assert keys['preprocessor'] == keys['transform']
    # Three test sets, each with raw, and three enhancers in two places.
    assert len(done.cells()) == 3 * (1 + 3 * 2)


def test_a_darkened_image_is_enhanced_after_it_is_darkened(bench):
    # Level 60 in three tenths of the light: linear 0.0452 * 0.3 = 0.01356 is
    # level 31, and three times that is 92, which is not seen. Enhanced first,
    # level 180 would be darkened to 103, which is.
    bench.content['datasets']['things']['darken'] = dict(exposure=0.3, shot=0.0, read=0.0)
    bench.content['plug_in'] = ['preprocessor', 'transform']
    assert bench.run('--only', 'triple*') == 0
    for plug_in in ('preprocessor', 'transform'):
        assert bench.value('triple', plug_in=plug_in) == 0


def test_what_is_found_with_or_without_the_enhancer_is_kept(bench, capsys):
    # The detector sees what is above 50: as it is the last three, at half of
    # the light nothing, and three times as bright all four.
    bench.write_weights('det', threshold=50.0)
    bench.write_weights('half', **{'generator.gain': 0.5})
    for name in ('half', 'triple'):
        entry = dict(enhancer=dict(type='mmsdag.Gain'), checkpoint=f'{name}.pth')
        bench.content['enhancers'].update(
            {name: entry, f'{name}_both': dict(entry, with_original=True)}
        )
    assert bench.run('--list') == 0
    output = capsys.readouterr()
    assert 'half · ' in output.out
    assert 'half_both · ' not in output.out
    assert "half_both has no runs: with_original needs plug_in='transform'" in output.err
    bench.content['plug_in'] = 'transform'
    assert bench.run() == 0
    values = {name: bench.value(name) for name in bench.content['enhancers']}
    assert values['half'] == 0
    assert values['half_both'] == values['raw'] == pytest.approx(RECALL_3_OF_4)
    assert values['triple_both'] == values['triple'] == pytest.approx(100)


def test_the_metric_is_plotted_against_the_light(bench):
    things = bench.content['datasets']['things']
    for name, exposure in (('dim', 0.5), ('dark', 0.1)):
        bench.content['datasets'][name] = dict(
            things, darken=dict(exposure=exposure, shot=0.0, read=0.0)
        )
    # A set that belongs to no other has no chart of its own.
    bench.content['datasets']['other'] = dict(
        things,
        darken=dict(exposure=0.1, shot=1e-3, read=0.0),
        dataset=dict(things['dataset'], indices=2),
    )
    assert bench.run() == 0
    page = (bench.work_dir / 'report.html').read_text()
    assert page.count('mAP50 against the light: ') == 1
    (chart,) = re.findall(r'against the light: .*?</svg>', page, re.DOTALL)
    for text in ('10 %', '50 %', '100 %', 'gamma', 'triple'):
        assert f'>{text}</text>' in chart


def test_images_are_grouped_by_the_first_key_that_they_have(bench):
    bench.content['datasets']['lit'] = dict(
        dataset=dict(
            type='mmsdag.ExDarkDataset',
            data_root=str(bench.root),
            ann_file='imageclasslist.txt',
            metainfo=dict(classes=('Bicycle',)),
        ),
        evaluator=dict(type='mmdet.VOCMetric', metric='mAP'),
        class_names=dict(Bicycle='bicycle'),
    )
    bench.content['bootstrap']['group'] = ['lighting', 'height']
    assert bench.run('--only', 'raw*') == 0
    text = (bench.work_dir / 'report.md').read_text()
    assert '(4 images, 2 by lighting)' in text
    assert '(4 images, 1 by height)' in text
    assert 'images of one lighting or height drawn together' in text


def test_the_summary_averages_recognizers_of_one_title(bench):
    # The second detector also sees the thing of level 40, but nothing more.
    bench.write_weights('keen', threshold=30.0)
    detector = bench.content['recognizers']['detector']
    bench.content['recognizers'] = dict(
        a=dict(detector, title='detectors'),
        b=dict(detector, title='detectors', checkpoint='keen.pth'),
    )
    assert bench.run('--only', 'raw*', 'double*') == 0
    text = (bench.work_dir / 'report.md').read_text()
    table = text[text.index('## mAP50, all test sets') :].splitlines()
    assert table[2] == '| enhancer | things, detectors |'
    # 0 and 100: mean and standard deviation.
    assert re.match(r'\| raw \| 50.0 ± 70.7 \[', table[4])
    # 75.2 and 100.
    assert re.match(r'\| double \| 87.6 ± 17.5 \[', table[5])
    assert '## things, detectors (a), enhanced by the preprocessor' in text
    page = (bench.work_dir / 'report.html').read_text()
    assert 'mAP50, all test sets' in page


def test_an_enhancer_may_be_run_on_some_datasets_alone(bench):
    things = bench.content['datasets']['things']
    bench.content['datasets']['others'] = things
    bench.content['enhancers']['double']['datasets'] = ['others']
    assert bench.run('--only', 'double*', 'raw*') == 0
    assert {line['dataset'] for line in bench.figures(enhancer='double')} == {'others'}
    assert len(bench.figures(enhancer='raw')) == 2


def test_time_and_memory_are_reported(done):
    line = done.figures(dataset='things', enhancer='gamma')[0]
    assert 0 < float(line['seconds_per_image']) < 10
    assert float(line['peak_memory_mib']) >= 0


def test_the_page_shows_every_version_and_refers_to_nothing_else(done):
    page = (done.work_dir / 'report.html').read_text()
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(a.startswith(('data:', '#')) for a in addresses)
    titles = re.findall(r'alt="([^"]*)"', page)
    # Two images of three datasets: the truth and four enhancers.
    assert len(titles) == 2 * 3 * 5
    assert '1.png · Twilight, gamma' in titles or ('0.png · Low, gamma' in titles)
    assert page.count('<svg') > 10


def test_boxes_are_drawn_where_they_are():
    image = np.zeros((40, 60, 3), np.uint8)
    drawn = draw_boxes(image, np.array([[20.0, 40, 80, 70]]), [''], (255, 0, 0), np.full(4, 0.5))
    assert (drawn[20:36, 10] == (255, 0, 0)).all()
    assert (drawn[35, 10:41] == (255, 0, 0)).all()
    assert not drawn[25:30, 15:35].any()
    assert not image.any()


def test_pictures_show_the_enhanced_image(done):
    page = (done.work_dir / 'report.html').read_text()
    brightness: dict[str, list[float]] = {}
    for data, alt in re.findall(r'<img src="data:image/jpeg;base64,([^"]*)" alt="([^"]*)"', page):
        image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        brightness.setdefault(alt.partition(', ')[2], []).append(image.mean())
    assert np.mean(brightness['gamma']) > np.mean(brightness['raw']) + 10


def test_pictures_are_enhanced_in_the_precision_of_the_runs(bench, monkeypatch):
    seen = []
    enhance = tiny_recognizers.Gain.enhance

    def watched(self, x):
        seen.append(torch.is_autocast_enabled('cpu'))
        return enhance(self, x)

    bench.content['enhancers'] = dict(
        raw=None, double=dict(bench.content['enhancers']['double'], amp_dtype='bfloat16')
    )
    assert bench.run('--cfg-options', 'pictures=0') == 0
    monkeypatch.setattr(tiny_recognizers.Gain, 'enhance', watched)
    assert bench.run() == 0
    assert seen == [True, True]


def test_a_second_call_measures_nothing(done, capsys):
    before = done.cells()
    assert done.run() == 0
    assert done.cells() == before
    assert ': 0 to do, 24 done already' in capsys.readouterr().out


def test_what_a_change_does_not_touch_is_not_measured_again(bench):
    assert bench.run() == 0
    before = bench.cells()
    bench.write_weights('double', **{'generator.gain': 4.0})
    bench.content['title'] = 'another'
    assert bench.run() == 0
    new = set(bench.cells()) - set(before)
    assert len(new) == 1
    assert bench.cells().items() >= before.items()
    assert bench.value('double') == pytest.approx(100)
    # A box moved: all cells are concerned.
    bench.annotation['annotations'][0]['bbox'][0] += 1
    (bench.root / 'boxes.json').write_text(json.dumps(bench.annotation))
    assert bench.run() == 0
    assert len(bench.cells()) == 4 + 1 + 4


def test_an_interrupted_call_goes_on(bench, monkeypatch, capsys):
    run_one, calls = runs.run_one, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run_one(*args)

    monkeypatch.setattr(runs, 'run_one', interrupted)
    assert bench.run() == 130
    assert len(bench.cells()) == 2
    monkeypatch.setattr(runs, 'run_one', run_one)
    before = bench.cells()
    assert bench.run() == 0
    assert '2 to do, 2 done already' in capsys.readouterr().out
    assert len(bench.cells()) == 4 and bench.cells().items() >= before.items()


def test_a_failing_cell_is_reported_and_stops_no_other(bench, capsys):
    bench.content['enhancers']['double']['checkpoint'] = 'broken.pth'
    assert bench.run() == 1
    streams = capsys.readouterr()
    assert 'failed: double · detector · things' in streams.err
    assert 'the enhancer broke' in streams.err
    assert len(bench.cells()) == 3
    assert bench.value('triple') == pytest.approx(100)
    for name in ('report.md', 'report.html'):
        text = (bench.work_dir / name).read_text()
        assert 'the enhancer broke' in text


def test_a_damaged_result_is_made_anew(bench, capsys):
    assert bench.run('--only', 'gamma*') == 0
    (path,) = (bench.work_dir / 'cells').glob('*.npz')
    path.write_bytes(path.read_bytes()[:100])
    assert bench.run('--only', 'gamma*') == 0
    assert 'cannot be read' in capsys.readouterr().err
    assert bench.value('gamma') == pytest.approx(100)


def test_checkpoints_of_several_seeds_are_compared_in_pairs(bench):
    double, triple = (bench.content['enhancers'][name] for name in ('double', 'triple'))
    double['checkpoint'] = ['same.pth', 'double.pth']
    triple['checkpoint'] = ['triple.pth', 'triple.pth']
    bench.content['enhancers'] = dict(raw=None, double=double, triple=triple)
    assert bench.run() == 0
    (line,) = bench.figures(enhancer='double')
    # 0 and 75.2: their mean and standard deviation.
    assert float(line['value']) == pytest.approx(RECALL_3_OF_4 / 2)
    assert float(line['spread']) == pytest.approx(RECALL_3_OF_4 / 2**0.5)
    (line,) = bench.figures(enhancer='triple', minus='double')
    seeds = [float(seed) for seed in line['seeds'].split()]
    assert seeds == pytest.approx([100, 100 - RECALL_3_OF_4], abs=1e-3)


def test_every_checkpoint_is_compared_with_a_twin_without_weights(bench):
    double, triple, gamma = (bench.content['enhancers'][n] for n in ('double', 'triple', 'gamma'))
    double['checkpoint'] = ['same.pth', 'double.pth']
    triple.update(checkpoint=['triple.pth', 'double.pth'], guided_twin_of=['double', 'gamma'])
    bench.content['enhancers'] = dict(double=double, triple=triple, gamma=gamma)
    assert bench.run() == 0
    for twin, expected in (
        ('double', [100, 0]),
        # The gamma finds everything.
        ('gamma', [0, RECALL_3_OF_4 - 100]),
    ):
        # The first enhancer is the baseline: its differences come first.
        *_, line = bench.figures(enhancer='triple', minus=twin)
        seeds = [float(seed) for seed in line['seeds'].split()]
        assert seeds == pytest.approx(expected, abs=1e-3)
        assert float(line['value']) == pytest.approx(sum(expected) / 2)


def test_the_evaluator_counts_only_the_images_of_the_dataset(bench):
    # Of the first two of four images, the second alone is found.
    bench.content['datasets']['things']['dataset']['indices'] = 2
    assert bench.run('--only', 'double*') == 0
    (line,) = bench.figures(metric='stock: coco/bbox_mAP_50')
    assert float(line['value']) == pytest.approx(100 * 51 / 101, abs=0.05)
    assert line['images'] == '2'


def test_a_trained_model_is_called_by_its_name(bench):
    bench.content['enhancers']['named'] = dict(enhancer='zero_dce.sdag')
    assert bench.run('--only', '*named*') == 0
    (config,) = (bench.work_dir / 'runs').rglob('*.py')
    assert 'checkpoints/zero-dce-sdag_1xb8' in config.read_text()


def test_checkpoints_are_called_by_the_names_of_trained_models(bench):
    bench.content['enhancers']['named'] = dict(
        enhancer=dict(type='mmsdag.GammaEnhancer', trainable=True),
        checkpoint=['learned_gamma.dark_brackets_seed2', 'learned_gamma.sdag'],
    )
    assert bench.run('--only', '*named*preprocessor*') == 0
    configs = [path.read_text() for path in (bench.work_dir / 'runs').rglob('*.py')]
    for file in ('gamma_1xb8-200_dark-brackets_seed2', 'gamma-sdag_1xb8-200_dark-brackets_seed0'):
        assert any(f'checkpoints/{file}.pth' in text for text in configs)


def test_the_list_and_a_run_agree_on_what_is_done(bench, capsys):
    assert bench.run('--only', 'gamma*') == 0
    capsys.readouterr()
    (path,) = (bench.work_dir / 'cells').glob('*.npz')
    assert bench.run('--list') == 0
    (done,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith('done'))
    assert path.stem in done and 'gamma' in done
    path.write_bytes(path.read_bytes()[:100])
    assert bench.run('--list') == 0
    assert 'done' not in capsys.readouterr().out


def test_each_enhancer_is_built_once_for_the_plan(bench, monkeypatch):
    built = []
    monkeypatch.setattr(
        tiny_recognizers.Gain,
        '__init__',
        lambda self, init=tiny_recognizers.Gain.__init__: (built.append(self), init(self))[1],
    )
    plan = read_plan(bench.write_spec())
    # Those of double.pth and triple.pth.
    assert [
        n
        for e in plan.enhancers.values()
        for n in e.networks
        if isinstance(n, tiny_recognizers.Gain)
    ] == built
    assert len(built) == 2


def test_the_old_spelling_of_recognizers_is_accepted(bench, capsys):
    bench.content['recognisers'] = bench.content.pop('recognizers')
    assert bench.run('--list') == 0
    assert 'gamma · detector' in capsys.readouterr().out


def test_a_spec_and_its_base_may_spell_recognizers_differently(bench):
    (bench.root / 'base.py').write_text(bench.write_spec().read_text())
    for name in ('recognisers', 'recognizers'):
        path = bench.root / f'{name}.py'
        path.write_text(f"_base_ = 'base.py'\n{name} = dict(detector=dict(title='child'))")
        plan = read_plan(path)
        assert plan.recognizers['detector'].title == 'child'


def test_the_list_runs_nothing(bench, capsys):
    assert bench.run('--list') == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if ' · ' in line]) == 4
    assert not bench.work_dir.exists()


def change(content: dict, path: str, value: object) -> None:
    *parents, last = path.split('.')
    for key in parents:
        content = content[key]
    content[last] = value


@pytest.mark.parametrize(
    'path, value, words',
    [
        ('enhansers', {}, "'enhansers'.*'enhancers'"),
        ('enhancers', {}, 'enhancers is empty; name at least one'),
        ('enhancers.gamma.chekpoint', 'a.pth', "gamma.*'checkpoint'"),
        ('enhancers.gamma', 3, 'enhancers.gamma: 3 is not a dict'),
        (
            'enhancers.double.checkpoint',
            'none.pth',
            'enhancers.double.checkpoint.*none.pth.* nor .* name of a trained',
        ),
        ('enhancers.double.checkpoint', None, 'double.*no checkpoint'),
        (
            'enhancers.gamma.enhancer',
            'zero_dce.sdga',
            'enhancers.gamma.*did you mean zero_dce.sdag',
        ),
        ('enhancers.gamma.enhancer.type', 'mmsdag.Nothing', 'enhancers.gamma.*Nothing'),
        ('enhancers.triple.guided_twin_of', 'none', 'twin_of.*none'),
        (
            'enhancers.triple.checkpoint',
            ['triple.pth', 'double.pth'],
            'triple has 2 checkpoints and double 1',
        ),
        ('enhancers.raw', dict(with_original=True), 'raw.with_original: there is no enhancer'),
        ('enhancers.gamma.datasets', ['none'], "gamma.datasets='none'"),
        ('datasets.things.darken', dict(exposure=2), 'darken: exposure=2'),
        ('datasets.things.darken', dict(light=1), 'things.darken: .*light'),
        ('recognizers.detector.config', 'none.py', 'detector.config.*none.py'),
        ('recognizers.detector.config', 'mmdet::none.py', 'mmdet has no config'),
        ('recognizers.detector.checkpoint', 'none.pth', 'detector.checkpoint.*none.pth'),
        (
            'recognizers.detector.checkpoint',
            'double.pth',
            'detector.checkpoint .*double.pth.* is not one of BrightDetector',
        ),
        ('recognizers.detector.task', 'sing', "task='sing'"),
        ('datasets.things.dataset.type', 'mmdet.Nothing', 'things.*Nothing'),
        ('datasets.things.dataset.ann_file', 'none.json', 'things.*none.json'),
        ('datasets.things.dataset.data_prefix.img', 'none', '4 of 4 images'),
        ('datasets.things.evaluator', {}, 'things.evaluator is missing'),
        ('datasets.things.task', 'seg', "things is for task='seg'"),
        ('datasets.things.dataset.metainfo.classes', ('bicycle', 'moose'), "has no class 'moose'"),
        ('plug_in', 'socket', "plug_in='socket'"),
        ('baseline', 'none', "baseline='none'"),
        ('bootstrap.samples', 0, 'bootstrap.samples=0'),
        ('bootstrap.samples', 'many', "bootstrap.samples='many'.*int"),
        ('bootstrap.group', 'scene', "group='scene'"),
        ('work_dir', 3, 'work_dir=3'),
        ('work_dir', __file__, 'work_dir=.* is a file; name a folder'),
        ('pictures', -1, 'pictures=-1: .* greater than or equal to 0'),
        ('datasets.things.batch_size', -2, 'things.batch_size=-2: .* greater than or equal to 1'),
        ('enhancers.gamma.amp_dtype', 'fp16', "gamma.amp_dtype='fp16': .*'auto'"),
        (
            'recognizers.detector.config',
            str(TOOLS.parent / 'configs/_base_/datasets/brackets_detection.py'),
            'detector.config=.* has no model',
        ),
    ],
)
def test_a_bad_spec_is_refused_by_name_before_anything_runs(bench, capsys, path, value, words):
    change(bench.content, path, value)
    with pytest.raises(SystemExit) as error:
        bench.run()
    assert error.value.code == 2
    assert re.search(words, capsys.readouterr().err)
    assert not bench.work_dir.exists()


def test_a_spec_that_is_not_there_is_named(capsys):
    for path in ('nowhere/spec.py', __file__ + 'x', str(TOOLS)):
        with pytest.raises(SystemExit):
            main([path])
        assert f'spec {path!r} is not a file' in capsys.readouterr().err


def test_a_spec_that_is_no_config_is_named(tmp_path, capsys):
    path = tmp_path / 'spec.txt'
    path.write_text('enhancers = {}')
    with pytest.raises(SystemExit):
        main([str(path)])
    assert f'spec {str(path)!r}: ' in capsys.readouterr().err


def test_the_benchmark_of_real_nights_has_all_three_tasks(shared, monkeypatch):
    monkeypatch.chdir(TOOLS.parent)
    monkeypatch.setenv('MMSDAG_SHARED', str(shared))
    for name in ('CAMVID', 'GTSRB', 'BRACKETS'):
        monkeypatch.setenv(f'MMSDAG_{name}', str(shared / name.lower()))
    monkeypatch.setenv('MMSDAG_MSRS', str(shared / 'msrs_night'))
    from mmsdag.benchmark import read_plan

    plan = read_plan(TOOLS.parent / 'configs/benchmark/real_night.py')
    images = {name: len(data.infos) for name, data in plan.datasets.items()}
    assert (images['camvid_6'], images['camvid_dusk']) == (114, 31)
    assert (images['gtsrb_dark'], images['gtsrb_val']) == (1306, 1229)
    assert (images['msrs_night'], images['brackets_dark'], images['brackets_val']) == (22, 77, 45)
    assert {data.task for data in plan.datasets.values()} == {'det', 'seg', 'cls'}
    # Validation images share no track with training images.
    tracks = {info['track'] for info in plan.datasets['gtsrb_val'].infos}
    assert len(tracks) == 300
    # An oracle runs only where it knows the exposure.
    oracle = {run.dataset for run in plan.runs() if run.enhancer == 'inverse_gain_6'}
    assert oracle == {'camvid_6', 'camvid_6_noisy'}


def test_real_dark_photographs_give_the_reference_figures(tmp_path, shared):
    spec = tmp_path / 'spec.py'
    spec.write_text(f"""
_base_ = {str(TOOLS.parent / 'configs/benchmark/brackets.py')!r}
enhancers = dict(_delete_=True, raw=None)
recognizers = dict(yolox_nano=dict(
    checkpoint={str(shared / 'weights/yolox_nano_coco_mmdet.pth')!r}))
datasets = dict(_delete_=True, dark=dict(
    dataset=dict(
        type='mmsdag.ExposureBracketDataset',
        data_root={str(shared / 'brackets')!r},
        ann_file='dark.json'),
    evaluator=dict(type='mmdet.CocoMetric', metric='bbox')))
pictures = 0
""")
    assert main([str(spec), '--work-dir', str(tmp_path / 'out')]) == 0
    text = (tmp_path / 'out' / 'figures.csv').read_text()
    values = {
        line['metric']: float(line['value'])
        for line in csv.DictReader(io.StringIO(text))
        if line['subset'] == 'all'
    }
    assert values['bbox_mAP'] == pytest.approx(53.2, abs=0.1)
    assert values['bbox_mAP_50'] == pytest.approx(67.5, abs=0.1)
