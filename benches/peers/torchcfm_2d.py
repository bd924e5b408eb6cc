"""OT-CFM training speed side by side with torchcfm, at the settings of torchcfm's own tutorial.

8 Gaussians to moons, MLP 64 x 3 SELU, Adam 1e-3, batch 256, sigma 0.1, exact minibatch OT, one thread each.
Needs pip packages torch, torchcfm, POT. Alternates the two programs and writes ratios of medians:

  total         data, coupling, network: `langevin points train configs/points/tutorial_otcfm.toml`
  network only  the same with both couplings precomputed; ours is the config without its coupling

  python benches/peers/torchcfm_2d.py --langevin target/release/langevin --out docs/results/flow_matching.json
"""
import argparse, datetime, json, os, pathlib, re, statistics, subprocess, sys, tempfile, time

os.environ["OMP_NUM_THREADS"] = "1"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def peer(steps, precomputed):
    import torch
    import torchcfm.conditional_flow_matching as cfm
    from torchcfm.models.models import MLP
    from torchcfm.utils import sample_8gaussians, sample_moons

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = MLP(dim=2, time_varying=True)
    optimiser = torch.optim.Adam(model.parameters())
    matcher = cfm.ExactOptimalTransportConditionalFlowMatcher(sigma=0.1)
    plain = cfm.ConditionalFlowMatcher(sigma=0.1)
    pairs = None
    if precomputed:
        pairs = [matcher.ot_sampler.sample_plan(sample_8gaussians(256), sample_moons(256)) for _ in range(64)]
    start = time.perf_counter()
    for k in range(steps):
        optimiser.zero_grad()
        if precomputed:
            x0, x1 = pairs[k % 64]
            t, xt, ut = plain.sample_location_and_conditional_flow(x0, x1)
        else:
            t, xt, ut = matcher.sample_location_and_conditional_flow(sample_8gaussians(256), sample_moons(256))
        loss = torch.mean((model(torch.cat([xt, t[:, None]], -1)) - ut) ** 2)
        loss.backward()
        optimiser.step()
    return steps / (time.perf_counter() - start)


def ours(program, steps, precomputed):
    text = (ROOT / "configs/points/tutorial_otcfm.toml").read_text()
    if precomputed:
        # Fixed sets whose rows go together in order: what is left of a step is the network.
        text = text.replace('coupling = { kind = "optimal" }', 'coupling = { kind = "independent" }')
        text = re.sub(r"(law = .*)", r"\1\ncount = 16384", text)
    text = re.sub(r"log_every = \d+", f"log_every = {steps}", text)
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "c.toml"
        config.write_text(text)
        run = pathlib.Path(folder) / "run"
        command = [program, "points", "train", str(config), "--out", str(run), "--steps", str(steps), "--threads", "1", "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        return [line["steps_per_second"] for line in lines if line["kind"] == "train"][-1]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--langevin", default=str(ROOT / "target/release/langevin"))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--machine", default="not described")
    p.add_argument("--out", required=True)
    a = p.parse_args()
    rows = []
    for name, precomputed, steps_ours, steps_peer, bar in (
        ("OT-CFM training, total: steps/s over torchcfm's", False, 4000, 400, 5.0),
        ("OT-CFM training, network only: steps/s over torchcfm's", True, 8000, 2000, 1.0),
    ):
        pairs = [(ours(a.langevin, steps_ours, precomputed), peer(steps_peer, precomputed)) for _ in range(a.rounds)]
        ratios = [x / y for x, y in pairs]
        ratio = statistics.median(ratios)
        mine, theirs = (statistics.median(column) for column in zip(*pairs))
        print(f"{name}: {mine:.0f}/s against {theirs:.0f}/s, ratio {ratio:.2f}", file=sys.stderr)
        rows.append(dict(what=name, value=round(ratio, 3), unit="", spread=round(statistics.stdev(ratios), 3),
                         seeds=a.rounds, floor=None, peer=f"{theirs:.0f} steps/s; ours {mine:.0f}",
                         bar=f">= {bar}", holds=ratio >= bar))
    result = dict(topic="flow_matching", command="python benches/peers/torchcfm_2d.py --out docs/results/flow_matching.json",
                  version="0.1.0", machine=a.machine, date=datetime.date.today().isoformat(), rows=rows)
    pathlib.Path(a.out).write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
