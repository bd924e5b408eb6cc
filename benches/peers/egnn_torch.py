"""EDM's network in PyTorch: as EDM writes it, over lists of edges, and with the first layers split.

Hoogeboom, Satorras, Vignac & Welling (2022), arXiv:2203.17003. Inputs are positions [B, n, 3], features
[B, n, F] and times [B]; answers are the velocity, without its mean, and [B, n, F].
"""
import torch
from torch import nn


def mlp(*sizes, last, bias=True):
    """Linear layers with SiLU between them, and after them if `last`."""
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        end = i + 2 == len(sizes)
        layers.append(nn.Linear(a, b, bias=bias or not end))
        if last or not end:
            layers.append(nn.SiLU())
    return nn.Sequential(*layers)


def segment_sum(rows, index, segments):
    out = rows.new_zeros(segments, rows.shape[1])
    return out.scatter_add_(0, index[:, None].expand(-1, rows.shape[1]), rows)


class Block(nn.Module):
    """One of EDM's blocks: messages on rows [h_i, h_j, d², d0²] of all n² edges, the diagonal masked."""

    def __init__(self, width, reach):
        super().__init__()
        self.reach = reach
        self.message = mlp(2 * width + 2, width, width, last=True)
        self.gate = nn.Sequential(nn.Linear(width, 1), nn.Sigmoid())
        self.node = mlp(2 * width, width, width, last=False)
        self.moves = mlp(2 * width + 2, width, width, 1, last=False, bias=False)
        nn.init.xavier_uniform_(self.moves[-1].weight, gain=0.001)

    def forward(self, h, x, rows, columns, initial, edge_mask):
        difference = x[rows] - x[columns]
        squared = (difference**2).sum(1, keepdim=True)
        difference = difference / (torch.sqrt(squared + 1e-8) + 1)
        edges = torch.cat([squared, initial], 1)
        m = self.message(torch.cat([h[rows], h[columns], edges], 1))
        m = m * self.gate(m) * edge_mask
        h = h + self.node(torch.cat([h, segment_sum(m, rows, len(h))], 1))
        phi = torch.tanh(self.moves(torch.cat([h[rows], h[columns], edges], 1))) * self.reach
        return h, x + segment_sum(difference * phi * edge_mask, rows, len(x))


class SplitBlock(nn.Module):
    """The same sums on dense [B, n, n, width], the first layer as W_i h_i + W_j h_j + C [d², d0²]."""

    def __init__(self, width, reach):
        super().__init__()
        self.reach = reach
        for part in ("message", "moves"):
            self.add_module(part + "_i", nn.Linear(width, width))
            self.add_module(part + "_j", nn.Linear(width, width, bias=False))
            self.add_module(part + "_edge", nn.Linear(2, width, bias=False))
            self.add_module(part + "_second", nn.Linear(width, width))
        self.gate, self.head = nn.Linear(width, 1), nn.Linear(width, 1, bias=False)
        self.node = mlp(2 * width, width, width, last=False)
        nn.init.xavier_uniform_(self.head.weight, gain=0.001)

    def pairs(self, part, h, edges):
        first, second, edge = (getattr(self, part + end) for end in ("_i", "_j", "_edge"))
        z = nn.functional.silu(first(h)[:, :, None] + second(h)[:, None] + edge(edges))
        return nn.functional.silu(getattr(self, part + "_second")(z))

    def forward(self, h, x, initial, off_diagonal):
        difference = x[:, :, None] - x[:, None]
        squared = (difference**2).sum(-1, keepdim=True)
        difference = difference / (torch.sqrt(squared + 1e-8) + 1)
        edges = torch.cat([squared, initial], -1)
        m = self.pairs("message", h, edges)
        total = (m * (torch.sigmoid(self.gate(m)) * off_diagonal)).sum(2)
        h = h + self.node(torch.cat([h, total], -1))
        phi = torch.tanh(self.head(self.pairs("moves", h, edges))) * self.reach * off_diagonal
        return h, x + (difference * phi).sum(2)


class Egnn(nn.Module):
    """EDM's network on QM9: width 256, 9 blocks, reach 15; `split` takes the dense blocks."""

    def __init__(self, features=6, width=256, layers=9, reach=15.0, split=False):
        super().__init__()
        self.split = split
        self.embed = nn.Linear(features + 1, width)
        self.blocks = nn.ModuleList((SplitBlock if split else Block)(width, reach) for _ in range(layers))
        self.output = nn.Linear(width, features + 1)

    def forward(self, positions, features, t):
        batch, n, _ = positions.shape
        h = self.embed(torch.cat([features, t[:, None, None].expand(batch, n, 1)], 2))
        walk = self.dense if self.split else self.edges
        h, x = walk(h, positions, batch, n)
        velocity = x - positions
        return velocity - velocity.mean(1, keepdim=True), self.output(h)[..., :-1]

    def dense(self, h, x, batch, n):
        initial = ((x[:, :, None] - x[:, None]) ** 2).sum(-1, keepdim=True)
        off_diagonal = (1 - torch.eye(n, dtype=x.dtype))[None, :, :, None]
        for block in self.blocks:
            h, x = block(h, x, initial, off_diagonal)
        return h, x

    def edges(self, h, x, batch, n):
        h, x = h.reshape(batch * n, -1), x.reshape(batch * n, 3)
        first = torch.arange(batch * n).reshape(batch, n)
        rows = first[:, :, None].expand(batch, n, n).reshape(-1)
        columns = first[:, None].expand(batch, n, n).reshape(-1)
        edge_mask = (rows != columns).to(x.dtype)[:, None]
        initial = ((x[rows] - x[columns]) ** 2).sum(1, keepdim=True)
        for block in self.blocks:
            h, x = block(h, x, rows, columns, initial, edge_mask)
        return h.reshape(batch, n, -1), x.reshape(batch, n, 3)


def loss(answer, noise):
    return sum(((a - b) ** 2).mean() for a, b in zip(answer, noise))
