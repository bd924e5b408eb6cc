"""The periodic network of crystals in PyTorch: on dense pairs, the first layers of messages split.

Inputs are fractional coordinates [B, n, 3], standardised cells [B, 6], one-hot species [B, n, K] and times [B];
answers are displacements [B, n, 3] and cells [B, 6]. Same features, layers and sizes as
`langevin_crystals::network::Periodic`.
"""
import math

import torch
from torch import nn

BASIS = torch.tensor([
    [0, 1, 0, 1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1, 0, 1, 0],
    [1, 0, 0, 0, -1, 0, 0, 0, 0], [1, 0, 0, 0, 1, 0, 0, 0, -2], [1, 0, 0, 0, 1, 0, 0, 0, 1],
], dtype=torch.float32)
SHIFTS = torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1.0])] * 3)


def pairs(coords, cells, deviation, mean, frequencies, radial, cut, reach=6.0):
    """Even features [B, n, n, 3 frequencies + 6 + radial] and sines [B, n, n, 6].

    With `cut` the soft grid of distances is 0 far from a centre, as ours; else it holds subnormal numbers, which slow the
    products down.
    """
    atoms = coords.shape[1]
    mean = mean + torch.tensor([0, 0, 0, 0, 0, math.log(atoms) / 3])
    gram = torch.matrix_exp(2 * ((mean + deviation * cells) @ BASIS).reshape(-1, 3, 3))
    delta = coords[:, None] - coords[:, :, None]
    delta = delta - (delta + 0.5).floor()
    angle = 2 * math.pi * delta
    sin, cos = angle.sin(), angle.cos()
    even, before = [cos], torch.ones_like(cos)
    for _ in range(1, frequencies):
        even.append(2 * cos * even[-1] - before)
        before = even[-2]
    twice = 2 * sin * cos
    products = lambda x: torch.stack([x[..., 0] * x[..., 1], x[..., 0] * x[..., 2], x[..., 1] * x[..., 2]], -1)
    flat = delta.flatten(1, 2)
    along = flat @ gram
    images = ((SHIFTS @ gram) * SHIFTS).sum(-1)
    both = 2 * along @ SHIFTS.T + images[:, None]
    squared = ((along * flat).sum(-1) + both.amin(-1)).relu().reshape(*delta.shape[:3], 1)
    centres = torch.arange(radial, dtype=torch.float32)
    basis = torch.exp(-(((squared + 1e-12).sqrt() / (reach / (radial - 1)) - centres) ** 2))
    basis = (basis - 1e-30).relu() if cut else basis
    return torch.cat([*even, products(sin), products(twice), basis], -1), torch.cat([sin, twice], -1)


class Block(nn.Module):
    def __init__(self, width, message, pair_inputs, shared):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.centre, self.neighbour = (nn.Linear(width, message, bias=False) for _ in range(2))
        self.pair, self.second = nn.Linear(pair_inputs, message), nn.Linear(message, message)
        self.gate, self.head = nn.Linear(message, 1), nn.Linear(message, 12)
        self.gather = nn.Linear(width + message + shared, width)
        self.update = nn.Linear(width, width)

    def forward(self, h, even, shared, off_diagonal):
        silu = nn.functional.silu
        seen = self.norm(h)
        m = silu(self.centre(seen)[:, :, None] + self.neighbour(seen)[:, None] + self.pair(even))
        m = silu(self.second(m))
        total = (m * (torch.sigmoid(self.gate(m)) * off_diagonal)).sum(2) / h.shape[1]
        h = h + self.update(silu(self.gather(torch.cat([seen, total, shared], -1))))
        return h, self.head(m) * off_diagonal


class Periodic(nn.Module):
    def __init__(self, elements=89, width=160, message=64, layers=6, frequencies=8, radial=16, cut=True):
        super().__init__()
        self.frequencies, self.radial, self.cut = frequencies, radial, cut
        self.deviation = torch.full((6,), 0.2)
        self.mean = torch.tensor([0, 0, 0, 0, 0, 0.9])
        self.speeds = 2 * math.pi * torch.logspace(math.log2(0.25), math.log2(8.0), 8, base=2)
        shared = 16 + 7
        self.embed = nn.Linear(elements + shared, width)
        pair_inputs = 3 * frequencies + 6 + radial
        self.blocks = nn.ModuleList(Block(width, message, pair_inputs, shared) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.cell = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 6))

    def forward(self, coords, cells, species, t):
        n = coords.shape[1]
        even, odd = pairs(coords, cells, self.deviation, self.mean, self.frequencies, self.radial, self.cut)
        angles = t[:, None] * self.speeds
        size = torch.full_like(t[:, None], math.log(n))
        shared = torch.cat([angles.sin(), angles.cos(), cells, size], -1)[:, None].expand(-1, n, -1)
        h = self.embed(torch.cat([species, shared], -1))
        off_diagonal = (1 - torch.eye(n))[None, :, :, None]
        scalars = 0
        for block in self.blocks:
            h, head = block(h, even, shared, off_diagonal)
            scalars = scalars + head
        h = self.norm(h)
        once, twice = odd[..., :3], odd[..., 3:]
        along = (scalars * torch.cat([once, once, once, twice], -1)).sum(2) / n
        moved = along[..., :9].unflatten(-1, (3, 3)).sum(-1) + along[..., 9:]
        return moved, cells + self.cell(h.mean(1))
