"""Count the contents of a data set, check its files, draw some of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS
from tqdm import tqdm

from mmsdag.utils.drawing import fit, overlay_boxes, overlay_mask, titled
from mmsdag.utils.image_io import BrokenImageError, inspect_image
from mmsdag.utils.tables import markdown_table

#: Faults that the report names.
_NAMED = 5


@dataclass
class Split:
    """Counts, faults and pictures of one split.

    Attributes:
        name: Name of the split.
        classes: Names of the classes.
        unit: Unit of ``counts``: boxes or pixels.
        images: Number of images.
        counts: Boxes or pixels of each label.
        lighting: Images of each kind of light.
        missing: Images whose file does not exist.
        faults: A line for each broken or unfitting image.
        mask_faults: A line for each broken or unfitting mask, and one for
            labels that are no class.
        pictures: Tiles for a contact sheet.
    """

    name: str = ''
    classes: Sequence[str] = ()
    unit: str = 'boxes'
    images: int = 0
    counts: Counter = field(default_factory=Counter)
    lighting: Counter = field(default_factory=Counter)
    missing: int = 0
    faults: list[str] = field(default_factory=list)
    mask_faults: list[str] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)


def leaves(cfg: dict) -> Iterator[dict]:
    """Yield the data sets inside wrappers that repeat or join others."""
    if 'dataset' in cfg:
        yield from leaves(cfg['dataset'])
    elif 'datasets' in cfg:
        for part in cfg['datasets']:
            yield from leaves(part)
    else:
        yield cfg


def inspect_split(
    name: str, cfg: dict, options: Mapping[str, Any], pictures: int = 0, side: int = 240
) -> Split:
    """Count, check and draw one split.

    Args:
        name: Name of the split.
        cfg: Config of its data set.
        options: Values to override, by dotted keys.
        pictures: How many images to draw.
        side: Longer side of the pictures in pixels.
    """
    split = Split(name)
    for leaf in leaves(cfg):
        dataset = _build(leaf, options)
        split.classes = dataset.metainfo['classes']
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        split.images += len(infos)
        for info in infos:
            split.lighting[info.get('lighting')] += 1
            split.counts.update(i['bbox_label'] for i in info.get('instances', ()))
        _check_images(infos, split)
        shown = set(
            np.linspace(0, len(infos) - 1, pictures).astype(int) if pictures and infos else ()
        )
        _read(dataset, infos, split, shown, side)
    return split


def _build(leaf: dict, options: Mapping[str, Any]) -> Any:
    """Build a data set that loads everything and transforms nothing.

    Raises:
        ValueError: If it has no images.
    """
    part = Config(dict(leaf=leaf))
    part.merge_from_dict({f'leaf.{k}': v for k, v in options.items()})
    part.leaf.pop('filter_cfg', None)
    part.leaf.test_mode = True
    part.leaf.pipeline = [
        step
        for step in part.leaf.get('pipeline', [])
        if str(step['type']).rpartition('.')[2].startswith('Load')
    ]
    # MMEngine cannot serialize an empty list; it says so in NumPy's words.
    part.leaf.serialize_data = False
    dataset = DATASETS.build(part.leaf)
    if not len(dataset):
        where = ', '.join(
            f'{key}={part.leaf[key]!r}'
            for key in ('data_root', 'data_prefix', 'ann_file')
            if part.leaf.get(key)
        )
        raise ValueError(f'{part.leaf.type} has no images: check {where}')
    return dataset


def _check_images(infos: list[dict], split: Split) -> None:
    """Decode the end of each image, and compare its size."""

    def fault(info: dict) -> str | None:
        try:
            size = inspect_image(info['img_path'])
        except BrokenImageError as error:
            return str(error)
        told = (info.get('height', size[0]), info.get('width', size[1]))
        if size != told:
            return (
                f'{info["img_path"]}: {size[1]}x{size[0]}, but the '
                f'annotation says {told[1]}x{told[0]}'
            )
        return None

    there = [info for info in infos if Path(info['img_path']).is_file()]
    split.missing += len(infos) - len(there)
    with ThreadPoolExecutor(8) as pool:
        split.faults += filter(
            None,
            tqdm(
                pool.map(fault, there),
                desc=f'{split.name}: opening',
                total=len(there),
                unit='image',
            ),
        )


def _read(dataset: Any, infos: list[dict], split: Split, shown: set[int], side: int) -> None:
    """Count the labels of all masks, and draw the shown images."""
    masks = any('seg_map_path' in info and 'instances' not in info for info in infos)
    if masks:
        split.unit = 'pixels'
    broken = {fault.partition(': ')[0] for fault in split.faults}
    unknown: Counter = Counter()
    indices = [
        i
        for i in (range(len(infos)) if masks else sorted(shown))
        if Path(infos[i]['img_path']).is_file() and str(infos[i]['img_path']) not in broken
    ]
    for index in tqdm(indices, desc=f'{split.name}: reading', unit='image', disable=not indices):
        try:
            item = dataset[index]
        # Decoders and transforms fail in many ways on a broken mask.
        except Exception as error:
            if not masks:
                raise
            split.mask_faults.append(f'{infos[index]["seg_map_path"]}: cannot be read ({error})')
            continue
        if masks and not _count_labels(item, split, unknown):
            continue
        if index in shown:
            split.pictures.append(_draw(item, dataset.metainfo, side))
    if unknown:
        split.mask_faults.append(_unknown_labels(dataset, unknown))


def _count_labels(item: dict, split: Split, unknown: Counter) -> bool:
    """Count the labels of a mask; return whether it fits its image."""
    mask, size = item['gt_seg_map'], item['img'].shape[:2]
    if mask.shape != size:
        split.mask_faults.append(
            f'{item["seg_map_path"]}: shape {mask.shape}, but the image has {size}'
        )
        return False
    labels, counts = np.unique(mask, return_counts=True)
    for label, count in zip(labels.tolist(), counts.tolist()):
        split.counts[label] += count
        if not (label < len(split.classes) or label == item.get('ignore_index', 255)):
            unknown[label] += count
    return True


def _unknown_labels(dataset: Any, unknown: Counter) -> str:
    low, high = min(unknown), max(unknown)
    values = f'value {low}' if low == high else f'values {low}…{high}'
    verb = 'is' if low == high else 'are'
    if getattr(dataset, 'label_ids', None) is False:
        # Of a night data set with the classes of Cityscapes.
        reason = 'neither train ids nor 255; label_ids=True?'
    else:
        last = len(dataset.metainfo['classes']) - 1
        reason = f'neither classes (0 to {last}) nor 255'
    return f'{values} {verb} {reason} ({sum(unknown.values()):,} pixels)'


def _draw(item: dict, metainfo: dict, side: int) -> np.ndarray:
    """Return a tile with the boxes or the mask of an image."""
    palette = metainfo.get('palette')
    if isinstance(palette, (str, type(None))):  # 'random', in mmdet
        palette = np.random.default_rng(0).integers(0, 255, (len(metainfo['classes']), 3))
    palette = np.array(palette, np.uint8)[:, ::-1]  # RGB to BGR
    image = item['img']
    if item.get('gt_seg_map') is not None:
        image = overlay_mask(image, item['gt_seg_map'], palette)
    image, scale = fit(image, side)
    instances = item.get('instances', ())
    labels = np.array([i['bbox_label'] for i in instances], int)
    # Half-way to white: visible in the dark.
    colors = palette[labels] // 2 + 127
    image = overlay_boxes(
        image,
        [[v * scale for v in i['bbox']] for i in instances],
        colors,
        [metainfo['classes'][label] for label in labels],
    )
    title = ' '.join(filter(None, (Path(item['img_path']).name, item.get('lighting'))))
    return titled(image, title, side)


def describe_splits(splits: Sequence[Split]) -> Iterator[str]:
    """Yield the Markdown report of a data set, part by part."""
    first = splits[0]
    rows = {'images': [split.images for split in splits]}
    for label, name in enumerate(first.classes):
        counts = [split.counts[label] for split in splits]
        if any(counts):
            rows[name] = counts
    empty = len(first.classes) - len(rows) + 1
    if empty:
        rows[f'({empty} classes that do not occur)'] = [0] * len(splits)
    rows[f'all {first.unit}'] = [sum(s.counts[n] for n in range(len(s.classes))) for s in splits]
    unlabeled = [sum(n for label, n in s.counts.items() if label >= len(s.classes)) for s in splits]
    if any(unlabeled):
        rows['not labeled'] = unlabeled
    names = [split.name for split in splits]
    yield _table(f'class ({first.unit})', rows, names)
    kinds = {kind for s in splits for kind in s.lighting}
    if kinds != {None}:
        yield _table(
            'lighting (images)',
            {str(kind): [s.lighting[kind] for s in splits] for kind in sorted(kinds, key=str)},
            names,
        )
    for split in splits:
        yield '\n'.join(_describe_files(split))


def _table(title: str, rows: dict[str, list[int]], columns: Sequence[str]) -> str:
    """Return a table of counts, with a sum for several columns."""
    several = len(columns) > 1
    return markdown_table(
        [title, *columns, *(['all'] if several else [])],
        (
            [name, *(f'{value:,}' for value in ([*values, sum(values)] if several else values))]
            for name, values in rows.items()
        ),
        align='lr',
    )


def _describe_files(split: Split) -> Iterator[str]:
    there = split.images - split.missing
    yield (
        f'{split.name}: {there:,} of {split.images:,} images are there, '
        f'{there - len(split.faults):,} of them whole and of the size '
        'that the annotation says' + ('; not' if split.faults else '')
    )
    yield from _named(split.faults)
    if split.mask_faults:
        yield f'{split.name}: faults of the masks'
        yield from _named(split.mask_faults)


def _named(faults: Sequence[str]) -> Iterator[str]:
    yield from (f'  {fault}' for fault in faults[:_NAMED])
    if len(faults) > _NAMED:
        yield f'  and {len(faults) - _NAMED:,} more'
