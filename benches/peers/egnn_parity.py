"""Our network of EDM against EDM's form in PyTorch: same weights and inputs; answers and all gradients.

    cargo build --release -p langevin-molecules --example egnn_parity
    python benches/peers/egnn_parity.py --out docs/results/egnn_parity.json

Width 256, 9 blocks, 4 molecules of 18 atoms, the weights that move atoms 30 times above their initial law.
A difference is the largest over all elements, in units of the largest element of the tensor it is in (at
least 1 for answers). Single precision is compared with PyTorch's single precision; double with double.
"""
import argparse
import datetime
import json
import pathlib
import subprocess
import tempfile

import torch
from safetensors.torch import load_file

from egnn_torch import Egnn, loss
from kernels_torch import processor

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "target/release/examples/egnn_parity"


def joined(ours, kind):
    """Our tensors of one kind (`weight` or `grad`) under PyTorch's names: first layers are joined."""
    t = {name.split(" ", 1)[1]: tensor for name, tensor in ours.items() if name.startswith(kind + " ")}
    out = {name: t.pop(name) for name in list(t) if name.startswith(("embed.", "output."))}
    for i in range(len({name.split(".")[0] for name in t})):
        take = lambda name: t.pop(f"{i}.{name}")
        both = lambda name: {end: take(f"{name}.{end}") for end in ("weight", "bias")}
        parts = {"node.0": both("gather"), "node.2": both("update")}
        for part in ("message", "moves"):
            first = [take(f"{part}.centre.weight"), take(f"{part}.neighbour.weight"), take(f"{part}.pair.weight").T]
            parts[f"{part}.0"] = {"weight": torch.cat(first, 1), "bias": take(f"{part}.pair.bias")}
            parts[f"{part}.2"] = both(f"{part}.message")
        parts["gate.0"] = {"weight": take("message.gate.weight")[None], "bias": take("message.gate.bias")}
        parts["moves.4"] = {"weight": take("moves.head.weight")}
        out.update({f"blocks.{i}.{name}.{end}": x for name, ends in parts.items() for end, x in ends.items()})
    assert not t, f"not taken: {list(t)}"
    return out


def furthest(ours, theirs, least):
    """Largest difference over the tensors, and where it is."""
    off = {name: ((ours[name] - x).abs().max() / x.abs().max().clamp(min=least)).item() for name, x in theirs.items()}
    name = max(off, key=off.get)
    return off[name], name


def compare(path):
    ours = load_file(path)
    network = Egnn().to(ours["positions"].dtype)
    network.load_state_dict(joined(ours, "weight"))
    answer = network(ours["positions"], ours["features"], ours["t"])
    loss(answer, (ours["noise positions"], ours["noise features"])).backward()
    names = ("velocity", "answer features")
    theirs = {name: x.detach() for name, x in zip(names, answer)}
    sizes = ", ".join(f"|{name}| up to {x.abs().max():.2g}" for name, x in theirs.items())
    grads = {name: p.grad for name, p in network.named_parameters()}
    print(f"{path.stem}: {sum(p.numel() for p in network.parameters())} parameters, {sizes}")
    return furthest(ours, theirs, 1.0), furthest(joined(ours, "grad"), grads, 0.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", help="write the results file here")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([EXAMPLE, folder], check=True)
        for name, precision, bars in (("f32", "single", ("1e-5", "1e-4")), ("f64", "double", ("1e-12", "1e-11"))):
            found = compare(pathlib.Path(folder) / f"{name}.safetensors")
            for what, (off, where), bar in zip(("answers", "gradients of all weights"), found, bars):
                print(f"  {what}: {off:.2e} at {where}")
                rows.append({
                    "what": f"EDM's network, {precision} precision: largest relative difference of {what}",
                    "value": float(f"{off:.2e}"), "unit": "", "spread": None, "seeds": None, "floor": None,
                    "peer": f"PyTorch {torch.__version__.split('+')[0]}, EDM's form", "bar": f"<= {bar}", "holds": off <= float(bar),
                })
    if args.out:
        document = {
            "topic": "egnn_parity", "command": f"python benches/peers/egnn_parity.py --out {args.out}",
            "version": "0.1.0", "machine": processor(),
            "date": datetime.date.today().isoformat(), "rows": rows,
        }
        pathlib.Path(args.out).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
