r"""Train several BlendUNets at once on one GPU.

The steps are those of configs/blend_unet: degrade well-lit photographs,
restore them, compare pixels and the features of frozen recognizers. Here the
photographs lie in GPU memory and each step is one CUDA graph, so that eight
trainings share a GPU. Without a GPU the same steps run on the CPU.

Example:
    python tools/gpu/pack_images.py photographs.npz
    python tools/gpu/train_restorers.py tools/gpu/restorers.py out \
        name=guided,domains=cgbcdkcgycdb,weight=3,seed=0 \
        name=twin,domains=cgbcdkcgycdb,weight=0,seed=0

domains: the order in which the domains of the spec take turns. guides=a+b
keeps some of their recognizers.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

import mmsdag.datasets.transforms  # noqa: F401
from mmsdag.models.enhancers.blend_unet import BlendUNet
from mmsdag.models.losses.consistency import ConsistencyGuidanceLoss
from mmsdag.registry import TRANSFORMS

#: Learning rate, weight decay, iterations of warm-up, share of the newest
#: weights in the average.
RATE, DECAY, WARMUP, AVERAGE = 1e-3, 1e-4, 100, 0.002
REPORT, MEASURED = 100, 150


def decode(content: np.ndarray, name: str) -> np.ndarray:
    """Decode the bytes of an image of a domain to (H, W, 3), RGB, uint8."""
    image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(
            f'{name!r} of the pack has an image that OpenCV cannot decode: pack it again'
        )
    return image[..., ::-1]


def load_images(pack: Any, name: str) -> Tensor:
    """Decode the images of a domain to (N, 3, H, W), RGB, uint8."""
    if f'{name}_n' in pack:  # a mosaic of small images
        count = int(pack[f'{name}_n'])
        mosaic = decode(pack[name], name)
        rows, columns = mosaic.shape[0] // 32, mosaic.shape[1] // 32
        tiles = (
            mosaic.reshape(rows, 32, columns, 32, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, 32, 32)
        )
        return torch.from_numpy(np.ascontiguousarray(tiles[:count]))
    ends, data = pack[f'{name}_off'], pack[name]
    return torch.stack(
        [
            torch.from_numpy(decode(data[a:b], name).transpose(2, 0, 1).copy())
            for a, b in zip(ends[:-1], ends[1:])
        ]
    )


class Domain:
    """Images of one kind on the device, with the recognizers for them."""

    def __init__(self, name: str, cfg: dict, pack: Any, device: torch.device) -> None:
        self.name = name
        self.images = load_images(pack, cfg.get('images', name)).to(device)
        self.crop, self.batch = cfg['crop'], cfg['batch']
        self.flip = cfg.get('flip', True)
        self.is_dark = cfg.get('is_dark', False)
        self.degradation = TRANSFORMS.build(cfg['degradation'])
        self.guides = {
            key: ConsistencyGuidanceLoss(value) for key, value in cfg['recognizers'].items()
        }
        for guide in self.guides.values():
            for recognizer in guide.frozen:
                recognizer.to(device)


class Run:
    """One training: its network, optimizer, random numbers and graphs."""

    def __init__(self, options: dict, domains: dict[str, Domain], device: torch.device) -> None:
        self.options = options
        self.name = options['name']
        self.weight = float(options.get('weight', 1))
        self.guides = options.get('guides', '').split('+')
        seed = int(options.get('seed', 0))
        self.order = [domains[letter] for letter in options['domains']]
        self.domains = {d.name: d for d in self.order}
        torch.manual_seed(seed)
        self.net = BlendUNet().to(device, memory_format=torch.channels_last)
        self.parameters = list(self.net.parameters())
        self.average = [p.detach().clone() for p in self.parameters]
        self.update_average = get_ema_multi_avg_fn(1 - AVERAGE)
        self.is_cuda = device.type == 'cuda'
        self.rate = torch.zeros((), device=device)
        self.optimizer = torch.optim.AdamW(
            self.parameters, self.rate, weight_decay=DECAY, capturable=self.is_cuda
        )
        self.noise = torch.Generator(device).manual_seed(seed)
        self.picks = torch.Generator(device).manual_seed(seed)
        self.crops = np.random.RandomState(seed)
        self.inputs = {
            d.name: torch.zeros((d.batch, 3, d.crop, d.crop), device=device) for d in self.order
        }
        self.terms = {d.name: torch.zeros(2, device=device) for d in self.order}
        self.graphs: dict[str, Any] = {}
        self.iter = 0
        self.stream = torch.cuda.Stream() if self.is_cuda else None

    def guide(self, domain: Domain, e: Tensor, x: Tensor) -> Tensor:
        """Mean distance of the features of the domain's recognizers."""
        chosen = [
            guide
            for key, guide in domain.guides.items()
            if self.guides == [''] or key in self.guides
        ]
        if not chosen:
            return e.sum() * 0
        return torch.stack([guide(e, x) for guide in chosen]).mean()

    def step(self, domain: Domain) -> None:
        """Compute one training step on the images in ``inputs``."""
        x = self.inputs[domain.name]
        with torch.no_grad():
            y = domain.degradation.degrade(x, self.noise)
            if domain.is_dark:
                x = self.restore(x).clamp(0, 1)
        e = self.restore(y.contiguous(memory_format=torch.channels_last))
        pixels = (e - x).abs().mean()
        features = self.guide(domain, e, x) if self.weight else pixels * 0
        (pixels + self.weight * features).backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            self.update_average(self.average, self.parameters, None)
            self.terms[domain.name].copy_(torch.stack((pixels, features)))

    def restore(self, y: Tensor) -> Tensor:
        """Run the network, its convolutions in bfloat16 on a GPU."""
        with torch.autocast('cuda', torch.bfloat16, enabled=self.is_cuda):
            return self.net(y).float()

    def capture(self) -> None:
        """Record one CUDA graph for each domain."""
        if self.stream is None:
            return
        state = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        pool = None
        self.stream.wait_stream(torch.cuda.current_stream())
        for domain in self.domains.values():
            with torch.cuda.stream(self.stream):
                self.inputs[domain.name].copy_(
                    domain.images[: domain.batch, :, : domain.crop, : domain.crop]
                ).div_(255)
                for _ in range(3):
                    self.optimizer.zero_grad(set_to_none=True)
                    self.step(domain)
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(self.noise)
            self.optimizer.zero_grad(set_to_none=True)
            with torch.cuda.graph(graph, pool=pool, stream=self.stream):
                self.step(domain)
            pool = graph.pool()
            self.graphs[domain.name] = graph
        # Warm-up steps change nothing that the training starts from.
        self.net.load_state_dict(state)
        with torch.no_grad():
            for average, value in zip(self.average, self.parameters):
                average.copy_(value)
        for entry in self.optimizer.state.values():
            for value in entry.values():
                value.zero_()
        self.noise.manual_seed(self.picks.initial_seed())
        torch.cuda.synchronize()

    def advance(self, iters: int) -> None:
        """Queue one of ``iters`` iterations."""
        domain = self.order[self.iter % len(self.order)]
        height, width = domain.images.shape[2:]
        pick = torch.randint(
            len(domain.images), (domain.batch,), generator=self.picks, device=domain.images.device
        )
        a = self.crops.randint(height - domain.crop + 1)
        b = self.crops.randint(width - domain.crop + 1)
        x = domain.images[pick, :, a : a + domain.crop, b : b + domain.crop]
        if domain.flip and self.crops.rand() < 0.5:
            x = x.flip(3)
        self.inputs[domain.name].copy_(x).div_(255)
        cosine = 0.5 + 0.5 * math.cos(math.pi * self.iter / iters)
        self.rate.fill_(RATE * cosine * min(1, self.iter / WARMUP) + 1e-6)
        if self.graphs:
            self.graphs[domain.name].replay()
        else:
            self.optimizer.zero_grad(set_to_none=True)
            self.step(domain)
        self.iter += 1

    def save(self, folder: Path, iters: int) -> None:
        """Write the averaged weights."""
        names = [name for name, _ in self.net.named_parameters()]
        state = {n: v.cpu().clone() for n, v in zip(names, self.average)}
        meta = dict(self.options, iters=self.iter, planned=iters)
        path = folder / f'{self.name}.pth'
        torch.save(dict(state_dict=state, meta=meta), f'{path}.part')
        Path(f'{path}.part').rename(path)


def train(runs: list[Run], out: Path, iters: int, seconds: float) -> None:
    """Run the trainings beside each other, and save them now and then.

    Args:
        runs: The trainings.
        out: Folder of the checkpoints.
        seconds: Time for all of them, if ``iters`` is 0.
        iters: Iterations of each; 0 takes as many as fit into ``seconds``,
            measured in the first :data:`MEASURED`.
    """
    start = saved = time.monotonic()
    planned = iters or 10**6
    while runs[0].iter < planned:
        for run in runs:
            with torch.cuda.stream(run.stream):
                run.advance(planned)
        done = runs[0].iter
        if done % REPORT and done != MEASURED and done != planned:
            continue
        if runs[0].is_cuda:
            torch.cuda.synchronize()
        now = time.monotonic()
        if done == MEASURED and not iters:
            planned = max(done + 1, int(done * seconds / (now - start)))
        print(f'{done}/{planned} {now - start:.1f} s', flush=True)
        for run in runs if done % (10 * REPORT) == 0 else ():
            print(
                ' ',
                run.name,
                {d: [round(float(t), 4) for t in terms] for d, terms in run.terms.items()},
                flush=True,
            )
        if now - saved > 60:
            saved = now
            for run in runs:
                run.save(out, planned)
    for run in runs:
        run.save(out, planned)


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('spec', help='config of the domains')
    parser.add_argument('out', type=Path, help='folder of the checkpoints')
    parser.add_argument('runs', nargs='+', metavar='KEY=VALUE,...')
    parser.add_argument('--iters', type=int, default=0, help='iterations of each; 0: by --seconds')
    parser.add_argument(
        '--seconds', type=float, default=300.0, help='time of all trainings (default: 300)'
    )
    args = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.benchmark_limit = 4
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    spec = Config.fromfile(args.spec)
    options = [dict(pair.split('=', 1) for pair in run.split(',')) for run in args.runs]
    used = sorted({letter for o in options for letter in o['domains']})
    args.out.mkdir(parents=True, exist_ok=True)
    pack = np.load(spec.pack)
    domains = {name: Domain(name, spec.domains[name], pack, device) for name in used}
    print({n: tuple(d.images.shape) for n, d in domains.items()}, flush=True)
    runs = [Run(o, domains, device) for o in options]
    start = time.monotonic()
    for run in runs:
        run.capture()
        print(f'{run.name} ready after {time.monotonic() - start:.1f} s', flush=True)
    train(runs, args.out, args.iters, args.seconds)


if __name__ == '__main__':
    main()
