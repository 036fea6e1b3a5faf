"""Plot the loss curves of one or several trainings."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

from mmsdag.cli.arguments import new_parser
from mmsdag.utils import write_atomically
from mmsdag.utils.launch import clear_errors

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

EXAMPLES = """\
example:
  python tools/analysis/plot_losses.py losses.png work_dirs/a work_dirs/b
"""


def read_losses(work_dir: Path) -> dict[str, tuple[list, list]]:
    """Read iterations and values of every loss term of the latest run.

    Raises:
        FileNotFoundError: If ``work_dir`` holds no log of MMEngine's.
    """
    logs = sorted(work_dir.glob('*/vis_data/scalars.json'))
    if not logs:
        raise FileNotFoundError(
            f'{str(work_dir)!r} holds no */vis_data/scalars.json: name the --work-dir of a training'
        )
    terms: dict[str, tuple[list, list]] = {}
    for line in logs[-1].read_text().splitlines():
        record = json.loads(line)
        for name, value in record.items():
            if name.startswith('loss'):
                steps, values = terms.setdefault(name, ([], []))
                steps.append(record['step'])
                values.append(value)
    return terms


def draw(target: Path, work_dirs: Sequence[Path]) -> None:
    """Plot a panel per loss term, with a line per training."""
    runs = {folder.name: read_losses(folder) for folder in work_dirs}
    names = sorted({name for terms in runs.values() for name in terms})
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(4 * columns, 2.6 * rows), squeeze=False, layout='constrained'
    )
    for axis, name in zip(axes.flat, names):
        for color, (run, terms) in enumerate(runs.items()):
            if name in terms:
                axis.plot(*terms[name], f'C{color}', label=run, linewidth=1.2)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel('iteration', fontsize=8)
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.3)
        positive = [v for terms in runs.values() if name in terms for v in terms[name][1]]
        if min(positive) > 0 and max(positive) > 20 * np.median(positive):
            axis.set_yscale('log')
    for axis in axes.flat[len(names) :]:
        axis.axis('off')
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside lower center', fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=90)
    write_atomically(target, buffer.getvalue())


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    parser = new_parser(__doc__, EXAMPLES)
    parser.add_argument('out', type=Path, help='PNG to write')
    parser.add_argument('work_dirs', type=Path, nargs='+', help='folders of trainings')
    args = parser.parse_args(argv)
    with clear_errors():
        draw(args.out, args.work_dirs)
    print(f'wrote {args.out}')


if __name__ == '__main__':
    main()
