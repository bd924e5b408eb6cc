"""The published two-dimensional problems with torchcfm itself, for the rows of points.json that miss a bar.

Settings of the table: three layers of width 64 with SELU, AdamW at 1e-3 with weight decay 1e-5, 19 full batches of
512 in each of 1000 epochs, sigma 0.1, 100 Euler steps, exact W2 between 10 000 and 10 000 points, path energy on the
same run. Each seed draws one pool of points and splits it at random into training, test and a third part, whose
distance from the test part is the floor.
"""

import argparse
import datetime
import json
import pathlib
import platform

import numpy as np
import ot
import torch
import torchcfm
from sklearn.datasets import make_moons
from torchcfm.conditional_flow_matching import ConditionalFlowMatcher, ExactOptimalTransportConditionalFlowMatcher
from torchcfm.models import MLP

N, BATCH, EPOCHS, STEPS = 10_000, 512, 1000, 100
METHODS = {"icfm": ConditionalFlowMatcher, "otcfm": ExactOptimalTransportConditionalFlowMatcher}


def moons_pool(rng, count):
    points = make_moons(count, noise=0.05, random_state=rng.integers(2**31))[0] * 2
    points[:, 0] -= 1
    return points


def moons_standardised_pool(rng, count):
    points = make_moons(count, noise=0.1, random_state=rng.integers(2**31))[0]
    return 7 * (points - points.mean()) / points.std()


def ring_pool(rng, count):
    angle = rng.integers(8, size=count) * np.pi / 4
    return 12 * np.stack([np.cos(angle), np.sin(angle)], 1) + 1.5 * rng.standard_normal((count, 2))


def normal_pool(rng, count):
    return rng.standard_normal((count, 2))


PROBLEMS = {
    "n moons": (normal_pool, moons_pool),
    "moons 8g": (moons_standardised_pool, ring_pool),
}


def parts(rng, pool):
    points = torch.tensor(pool(rng, 3 * N), dtype=torch.float32)
    return points[torch.tensor(rng.permutation(3 * N))].split(N)


def squared_w2(a, b):
    weights = np.full(len(a), 1 / len(a))
    return ot.emd2(weights, weights, ot.dist(a.double().numpy(), b.double().numpy()), numItermax=10**8)


def train(method, source, source_is_noise, target):
    network = MLP(dim=2, time_varying=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-5)
    matcher = METHODS[method](sigma=0.1)
    for _ in range(EPOCHS):
        left, right = torch.randperm(N), torch.randperm(N)
        for k in range(N // BATCH):
            rows = slice(k * BATCH, (k + 1) * BATCH)
            x0 = torch.randn(BATCH, 2) if source_is_noise else source[left[rows]]
            t, xt, ut = matcher.sample_location_and_conditional_flow(x0, target[right[rows]])
            loss = ((network(torch.cat([xt, t[:, None]], 1)) - ut) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


@torch.no_grad()
def transported(network, x):
    energy = 0.0
    for k in range(STEPS):
        v = network(torch.cat([x, torch.full((len(x), 1), k / STEPS)], 1))
        energy += float((v**2).sum(1).mean()) / STEPS
        x = x + v / STEPS
    return x, energy


def run(problem, method, seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    source_pool, target_pool = PROBLEMS[problem]
    train_0, test_0, _ = parts(rng, source_pool)
    train_1, test_1, other_1 = parts(rng, target_pool)
    network = train(method, train_0, source_pool is normal_pool, train_1)
    x, energy = transported(network, test_0)
    direct = squared_w2(test_0, test_1)
    return {
        "W2": squared_w2(x, test_1) ** 0.5,
        "NPE": abs(energy - direct) / direct,
        "floor": squared_w2(other_1, test_1) ** 0.5,
    }


def rows(problem, method, seeds):
    runs = []
    for seed in seeds:
        runs.append(run(problem, method, seed))
        print(problem, method, seed, runs[-1], flush=True)
    for metric in ("W2", "NPE"):
        values = [r[metric] for r in runs]
        row = {"what": f"torchcfm, {problem} {method}: {metric}", "value": float(np.mean(values))}
        row |= {"spread": float(np.std(values, ddof=1)), "seeds": len(runs)}
        if metric == "W2":
            row["floor"] = float(np.mean([r["floor"] for r in runs]))
        yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--machine", default=f"{platform.machine()}, one thread")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = []
    for problem, method in [("n moons", "icfm"), ("moons 8g", "otcfm")]:
        found += rows(problem, method, range(arguments.seeds))
    result = {
        "topic": arguments.out.stem,
        "command": f"python benches/peers/torchcfm_published.py --seeds {arguments.seeds}",
        "version": f"torchcfm {torchcfm.__version__}, torch {torch.__version__}, POT {ot.__version__}",
        "machine": arguments.machine,
        "date": str(datetime.date.today()),
        "rows": found,
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
