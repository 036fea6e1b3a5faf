"""Count what is in a data set, check its images, and draw some of them.

Prints Markdown tables: images and boxes (or pixels) of each class in each
split, and of each kind of light. Opens every image far enough to know that it
is whole, and compares its size with what the annotation says. With --sheet,
draws a contact sheet with the boxes or masks on it.
"""
from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config, DictAction
from mmengine.registry import DATASETS, init_default_scope
from tqdm import tqdm

import mmsdag  # noqa: F401  (registers everything)
from mmsdag.utils import write_atomically
from mmsdag.utils.image_io import BrokenImageError, inspect_image
from mmsdag.utils.launch import clear_errors

EXAMPLES = """\
examples:
  # a configuration of this package by its name, or any config file
  python tools/dataset_converters/verify.py exdark_voc --sheet exdark.jpg
  python tools/dataset_converters/verify.py my_config.py

  # annotations without images, straight out of a zip archive
  python tools/dataset_converters/verify.py exdark_voc --dataset-options \\
      data_root=../shared/exdark data_prefix.ann_path=annotations_voc.zip \\
      missing_images=keep
"""
CONFIGS = Path(__file__).resolve().parents[2] / 'configs/_base_/datasets'
_NAMED = 5  # faulty images that the report names


@dataclass
class Split:
    """What was counted in one split.

    Attributes:
        classes: Names of the classes.
        unit: What ``counts`` counts: boxes or pixels.
        counts: How many there are of each class.
        lighting: Images of each kind of light.
        missing: Images that are not there.
        faults: A line for each that is broken or of another size than the
            annotation says.
        pictures: Thumbnails for the sheet, with their titles.
    """
    classes: Sequence[str] = ()
    unit: str = 'boxes'
    images: int = 0
    counts: Counter = field(default_factory=Counter)
    lighting: Counter = field(default_factory=Counter)
    missing: int = 0
    faults: list[str] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)


def find_config(name: str) -> Config:
    """Read a config file, or a data set's of this package by its name.

    Raises:
        FileNotFoundError: If there is neither.
    """
    path = Path(name) if name.endswith('.py') else CONFIGS / f'{name}.py'
    if not path.is_file():
        known = ', '.join(sorted(p.stem for p in CONFIGS.glob('*.py')))
        raise FileNotFoundError(
            f'{name!r} is neither a config file nor one of {known}')
    return Config.fromfile(path)


def leaves(cfg: dict) -> Iterator[dict]:
    """The data sets inside those that repeat or join others."""
    if 'dataset' in cfg:
        yield from leaves(cfg['dataset'])
    elif 'datasets' in cfg:
        for part in cfg['datasets']:
            yield from leaves(part)
    else:
        yield cfg


def inspect_split(cfg: Config, key: str, args: argparse.Namespace) -> Split:
    """Count, check and draw one split."""
    split = Split()
    for part in leaves(cfg[key]['dataset']):
        part = Config(dict(leaf=part))
        part.merge_from_dict(
            {f'leaf.{k}': v for k, v in args.dataset_options.items()})
        leaf = part.leaf
        # Nothing is left out, and nothing is cut, turned or packed.
        leaf.pop('filter_cfg', None)
        leaf.test_mode = True
        leaf.pipeline = [
            step for step in leaf.get('pipeline', [])
            if str(step['type']).rpartition('.')[2].startswith('Load')
        ]
        dataset = DATASETS.build(leaf)
        split.classes = dataset.metainfo['classes']
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        split.images += len(infos)
        for info in infos:
            split.lighting[info.get('lighting')] += 1
            split.counts.update(
                i['bbox_label'] for i in info.get('instances', ()))
        check_images(infos, split, key)
        masks = any('seg_map_path' in info and 'instances' not in info
                    for info in infos)
        if masks:
            split.unit = 'pixels'
        shown = set(
            np.linspace(0, len(infos) - 1, args.pictures).astype(int)
            if args.sheet and infos else ())
        for index in tqdm(
                range(len(infos)) if masks else sorted(shown),
                desc=f'{key}: reading', unit='image', disable=not (
                    masks or shown)):
            if not Path(infos[index]['img_path']).is_file():
                continue
            item = dataset[index]
            if masks:
                labels, counts = np.unique(
                    item['gt_seg_map'], return_counts=True)
                split.counts.update(
                    dict(zip(labels.tolist(), counts.tolist())))
            if index in shown:
                split.pictures.append(
                    draw(item, dataset.metainfo, args.side))
    return split


def check_images(infos: list[dict], split: Split, key: str) -> None:
    """Open each image far enough to know that it is whole."""

    def fault(info: dict) -> str | None:
        try:
            size = inspect_image(info['img_path'])
        except BrokenImageError as error:
            return str(error)
        told = (info.get('height', size[0]), info.get('width', size[1]))
        if size != told:
            return (f'{info["img_path"]}: {size[1]}x{size[0]}, but the '
                    f'annotation says {told[1]}x{told[0]}')
        return None

    there = [info for info in infos if Path(info['img_path']).is_file()]
    split.missing += len(infos) - len(there)
    with ThreadPoolExecutor(8) as pool:
        split.faults += filter(
            None,
            tqdm(
                pool.map(fault, there),
                desc=f'{key}: opening',
                total=len(there),
                unit='image'))


def draw(item: dict, metainfo: dict, side: int) -> np.ndarray:
    """A thumbnail with boxes or a mask: (side + 18, side, 3), BGR, uint8."""
    image = item['img'].copy()
    palette = metainfo.get('palette')
    if isinstance(palette, (str, type(None))):  # 'random', in mmdet
        palette = np.random.default_rng(0).integers(
            0, 255, (len(metainfo['classes']), 3))
    palette = np.array(palette, np.uint8)[:, ::-1]  # RGB to BGR
    if item.get('gt_seg_map') is not None:
        labels = item['gt_seg_map']
        known = labels < len(palette)
        image[known] = image[known] // 2 + palette[labels[known]] // 2
    scale = side / max(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale,
                       interpolation=cv2.INTER_AREA)
    for instance in item.get('instances', ()):
        x1, y1, x2, y2 = (round(v * scale) for v in instance['bbox'])
        # Half-way to white, to be seen in the dark.
        colour = (palette[instance['bbox_label']] // 2 + 127).tolist()
        name = metainfo['classes'][instance['bbox_label']]
        cv2.rectangle(image, (x1, y1), (x2, y2), colour, 1)
        cv2.putText(image, name, (max(x1, 0) + 1, max(y1, 9)),
                    cv2.FONT_HERSHEY_SIMPLEX, 0.35, colour, 1, cv2.LINE_AA)
    picture = np.full((side + 18, side, 3), 255, np.uint8)
    picture[18:18 + image.shape[0], :image.shape[1]] = image[:side, :side]
    title = ' '.join(
        filter(None, (Path(item['img_path']).name, item.get('lighting'))))
    cv2.putText(picture, title, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4,
                (0, 0, 0), 1, cv2.LINE_AA)
    return picture


def sheet(pictures: list[np.ndarray], columns: int = 6) -> bytes:
    """JPEG of thumbnails in rows."""
    columns = min(columns, len(pictures))
    blank = np.full_like(pictures[0], 255)
    rows = [
        np.hstack(row + [blank] * (columns - len(row)))
        for row in (pictures[i:i + columns]
                    for i in range(0, len(pictures), columns))
    ]
    return cv2.imencode('.jpg', np.vstack(rows),
                        [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def table(title: str, rows: dict[str, list[int]],
          columns: Sequence[str]) -> Iterator[str]:
    """Markdown; a sum is added where there are several columns."""
    more = ['all'] if len(columns) > 1 else []
    yield f'| {" | ".join([title, *columns, *more])} |'
    yield '| --- ' + '| ---: ' * (len(columns) + len(more)) + '|'
    for name, values in rows.items():
        cells = [*values, sum(values)] if more else values
        yield f'| {name} | {" | ".join(f"{v:,}" for v in cells)} |'


def describe(splits: dict[str, Split]) -> Iterator[str]:
    """The report of a data set."""
    first = next(iter(splits.values()))
    rows = {'images': [split.images for split in splits.values()]}
    for label, name in enumerate(first.classes):
        counts = [split.counts[label] for split in splits.values()]
        if any(counts):
            rows[name] = counts
    empty = len(first.classes) - len(rows) + 1
    if empty:
        rows[f'({empty} classes that do not occur)'] = [0] * len(splits)
    rows[f'all {first.unit}'] = [
        sum(s.counts[n] for n in range(len(s.classes)))
        for s in splits.values()
    ]
    unlabelled = [
        sum(n for label, n in s.counts.items() if label >= len(s.classes))
        for s in splits.values()
    ]
    if any(unlabelled):
        rows['not labelled'] = unlabelled
    yield from table(f'class ({first.unit})', rows, list(splits))
    kinds = dict.fromkeys(kind for s in splits.values() for kind in s.lighting)
    if kinds.keys() != {None}:
        yield ''
        yield from table(
            'lighting (images)', {
                str(kind): [s.lighting[kind] for s in splits.values()]
                for kind in sorted(kinds, key=str)
            }, list(splits))
    for name, split in splits.items():
        yield ''
        there = split.images - split.missing
        yield (f'{name}: {there:,} of {split.images:,} images are there, '
               f'{there - len(split.faults):,} of them whole and of the size '
               'that the annotation says' + ('; not' if split.faults else ''))
        yield from (f'  {fault}' for fault in split.faults[:_NAMED])
        if len(split.faults) > _NAMED:
            yield f'  and {len(split.faults) - _NAMED:,} more'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'config', nargs='+', metavar='CONFIG_OR_DATASET',
        help='config files with train_, val_ or test_dataloader, or names of '
        'files in configs/_base_/datasets/')
    parser.add_argument(
        '--dataset-options', nargs='+', action=DictAction, default={},
        metavar='KEY=VALUE',
        help='override settings of every split, for example '
        'data_root=/data/exdark')
    parser.add_argument('--sheet', type=Path, help='JPEG to write')
    parser.add_argument(
        '--pictures', type=int, default=12,
        help='how many of each split are on it (default: %(default)s)')
    parser.add_argument(
        '--side', type=int, default=240,
        help='pixels of the longer side of each (default: %(default)s)')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; ``argv`` without the name of the program."""
    args = parse_args(argv)
    pictures: list[np.ndarray] = []
    with clear_errors():
        for name in args.config:
            cfg = find_config(name)
            init_default_scope(cfg.get('default_scope', 'mmengine'))
            splits: dict[str, Split] = {}
            seen: list[dict] = []
            for key in ('train', 'val', 'test'):
                loader = cfg.get(f'{key}_dataloader')
                if loader is None or loader['dataset'] in seen:
                    continue  # test is often the very same as val
                seen.append(loader['dataset'])
                splits[key] = inspect_split(cfg, f'{key}_dataloader', args)
            if not splits:
                raise ValueError(
                    f'{name!r} has no train_, val_ or test_dataloader')
            print('\n'.join([f'## {Path(name).stem}', '', *describe(splits)]))
            pictures += [p for s in splits.values() for p in s.pictures]
        if args.sheet:
            if not pictures:
                raise ValueError('there is no image to draw on --sheet')
            write_atomically(args.sheet, sheet(pictures))
            print(f'\n{len(pictures)} images drawn -> {args.sheet}')


if __name__ == '__main__':
    main()
