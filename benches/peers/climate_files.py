#!/usr/bin/env python3
"""Files of fields that are written here, read by the programs of the field: writes docs/results/climate_files.json.

    python benches/peers/climate_files.py --data DATA --machine MACHINE --date DATE

Of every NetCDF file in DATA one variable is regridded and downscaled, and what is written must say what its source says:
the same times bit for bit, the same attributes, mapping and coordinates, the same values where cells are only repeated.
CDO, NCO and xarray read it, each if it is installed. Needs netCDF4 and numpy. Exit status 1 if anything differs.
"""

import argparse
import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

import netCDF4
import numpy as np
import results_file

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LANGEVIN = os.environ.get("LANGEVIN", os.path.join(ROOT, "target", "release", "langevin"))
# The variable of a file, steps of time from 1, and whether members are drawn: of rain, and of a field at a scalar height,
# which CDO does not read beside members. Others take the first that is a field.
CHOSEN = {
    "A1B_north_america.nc": ("air_temperature", (100, 103), True),
    "ERA5_const_sfc_variables.nc": ("z", None, False),
    "NRCAN_SECan_1981-2010.nc": ("tg_mean", (29, 30), False),
    "cordex_racmo22e_iberia_djf_1983_2002.nc": ("pr", (100, 104), True),
    "era5_t2m_uk_201903_hourly.nc": ("tas", (700, 704), False),
    "etopo20.cdf": ("ROSE", None, False),
    "knmi_rain5min_nl_20100826.nc": ("precipitation_amount", (40, 41), True),
    "meteonet_arpege_arome_NW_20180501.nc": ("pr_coarse", (12, 14), True),
    "mrms_preciprate_conus_20190610.nc": ("rainfall_rate", (9, 9), True),
    "prism_elevation_conus_4km.nc": ("Band1", None, False),
}
PCM = ("TREFHT", (108, 110), False)
# How numbers are stored, and variables that are not written.
STORAGE = {"scale_factor", "add_offset", "_FillValue", "missing_value", "valid_range", "valid_min", "valid_max", "_Unsigned",
           "_ChunkSizes", "actual_range", "cell_measures", "ancillary_variables"}
MEMBERS = 2


class Checks:
    """Counts of what was asked and what failed, by group."""

    def __init__(self, name):
        self.name, self.asked, self.failed = name, {}, {}

    def __call__(self, group, holds, what):
        self.asked[group] = self.asked.get(group, 0) + 1
        self.failed.setdefault(group, [])
        if not holds:
            self.failed[group].append(what)
            print(f"{self.name}: {group}: {what}", flush=True)

    def rows(self):
        for group, bad in self.failed.items():
            yield {"what": f"{self.name}, {group}: differences in {self.asked[group]} checks", "value": len(bad), "unit": "",
                   "bar": "0", "holds": not bad}


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, errors="replace")


def opened(path):
    file = netCDF4.Dataset(path)
    file.set_auto_maskandscale(False)
    return file


def same(a, b):
    """Two attributes or arrays, with their types, bit for bit."""
    if isinstance(a, str) or isinstance(b, str):
        return type(a) is type(b) and a == b
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def differing(source, made, without):
    """Names of the attributes of `source` that `made` does not have as they are."""
    names = [name for name in source.ncattrs() if name not in without]
    return [name for name in names if name not in made.ncattrs() or not same(source.getncattr(name), made.getncattr(name))]


def decoded(variable, steps):
    """Values in double precision, NaN where missing; the library's own decoding has single precision for some."""
    stored = variable[steps.start:steps.stop] if variable.ndim == 3 else variable[:]
    values = stored.astype("f8")
    of = {name: variable.getncattr(name) for name in variable.ncattrs()}
    for mark in ("_FillValue", "missing_value"):
        if mark in of:
            values[stored == of[mark]] = np.nan
    values = values * float(of.get("scale_factor", 1)) + float(of.get("add_offset", 0))
    return values.reshape(-1, *values.shape[-2:])


def alike(a, b, part=1e-6):
    """Equal but for rounding to single precision, and missing in the same cells."""
    if a.shape != b.shape or (np.isnan(a) != np.isnan(b)).any():
        return False
    return bool((np.abs(a - b) <= part * np.abs(b) + 1e-30)[~np.isnan(b)].all())


def check_head(check, source, made, name, steps, members):
    """Times, attributes, mappings and coordinates."""
    own, ours = source[name], made[name]
    time = own.dimensions[0] if own.ndim == 3 else None
    if time:
        was, now = source[time], made[time]
        check("times", same(was[steps.start:steps.stop], now[:]), "numbers")
        for key in ("units", "calendar"):
            check("times", same(getattr(was, key, None), getattr(now, key, None)), key)
        check("times", not differing(was, now, ()), f"attributes {differing(was, now, ())}")
        if "bounds" in was.ncattrs():
            check("times", same(source[was.bounds][steps.start:steps.stop], made[was.bounds][:]), "bounds")
    bad = differing(own, ours, STORAGE | {"coordinates"})
    check("attributes", not bad, f"of {name}: {bad}")
    bad = differing(source, made, {"history"})
    check("attributes", not bad, f"of the file: {bad}")
    history = getattr(source, "history", "")
    check("attributes", made.history.endswith(history) and "langevin climate" in made.history, "history")
    for axis in own.dimensions[-2:]:
        bad = differing(source[axis], made[axis], {"bounds", "_FillValue"})
        check("attributes", not bad, f"of {axis}: {bad}")
        check("attributes", made[axis].bounds in made.variables, f"bounds of {axis}")
    wanted = ([time] if time else []) + (["realization"] if members > 1 else []) + list(own.dimensions[-2:])
    check("attributes", list(ours.dimensions) == wanted, f"dimensions {ours.dimensions}")
    if "grid_mapping" in own.ncattrs():
        was, now = source[own.grid_mapping], made[own.grid_mapping]
        alike = was.dtype == now.dtype and was.dimensions == now.dimensions and same(was[...], now[...])
        check("mapping", alike and not differing(was, now, ()), f"{own.grid_mapping} {differing(was, now, ())}")
    named = getattr(own, "coordinates", "").split()
    for beside in named:
        check_beside(check, source, made, own, beside, steps)
    if members > 1:
        named = [beside for beside in named if "positive" not in source[beside].ncattrs()]
    if named:
        check("coordinates", getattr(ours, "coordinates", "").split() == named, f"named: needed {named}")


def check_beside(check, source, made, own, name, steps):
    """A coordinate that the variable names."""
    was = source[name]
    if name not in made.variables:
        check("coordinates", False, f"{name} is not there")
        return
    now = made[name]
    bad = differing(was, now, STORAGE)
    check("coordinates", not bad, f"attributes of {name}: {bad}")
    if was.dimensions == own.dimensions[-2:]:
        check("coordinates", now.dimensions == was.dimensions, f"dimensions of {name}")
    else:
        values = was[steps.start:steps.stop] if was.dimensions else was[...]
        check("coordinates", same(values, now[...]), f"values of {name}")


def check_rotation(check, made, name):
    """Latitudes and longitudes against the rotation that the mapping states, on the unit sphere."""
    mapping = made[made[name].grid_mapping]
    if mapping.grid_mapping_name != "rotated_latitude_longitude":
        return
    y, x = (np.radians(made[axis][:]) for axis in made[name].dimensions[-2:])
    pole, east = np.radians([mapping.grid_north_pole_latitude, mapping.grid_north_pole_longitude])
    y, x = np.meshgrid(y, x, indexing="ij")
    # The pole of the grid is turned about the y axis, then its meridian to where it is.
    vector = np.array([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])
    tilted = np.array([-np.sin(pole) * vector[0] + np.cos(pole) * vector[2], -vector[1],
                       np.cos(pole) * vector[0] + np.sin(pole) * vector[2]])
    turn = np.array([[np.cos(east), -np.sin(east), 0], [np.sin(east), np.cos(east), 0], [0, 0, 1]])
    exact = np.einsum("ij,jkl->ikl", turn, tilted)
    f, l = np.radians(made["lat"][:]), np.radians(made["lon"][:])
    ours = np.array([np.cos(f) * np.cos(l), np.cos(f) * np.sin(l), np.sin(f)])
    worst = np.degrees(np.linalg.norm(exact - ours, axis=0).max())
    # Linear between centres 0.44 degrees apart is at most h²/8 = 7e-6 of a radian off along each axis.
    check("coordinates", worst < 1e-3, f"latitudes and longitudes are {worst:.2g} degrees off")


def warnings_of(done):
    return {line for line in done.stderr.splitlines() if "arning" in line}


def check_cdo(check, origin, path, made, name):
    """Grid, steps, missing cells and extremes as CDO sees them."""
    values, shape = made[name][:], made[name].shape
    frames = values.reshape(-1, *shape[-2:])
    steps = shape[0] if made[name].ndim > 2 and made[name].dimensions[0] != "realization" else 1
    sinfo = run("cdo", "sinfo", path)
    check("CDO", sinfo.returncode == 0, f"sinfo: {sinfo.stderr.strip()}")
    grid = f"points={frames[0].size} ({shape[-1]}x{shape[-2]})"
    check("CDO", grid in sinfo.stdout, f"sinfo: needed {grid} in {sinfo.stdout}")
    counted = re.search(r"(\d+) steps?", sinfo.stdout)
    check("CDO", (int(counted[1]) if counted else 1) == steps, f"sinfo: needed {steps} steps in {sinfo.stdout}")
    infon = run("cdo", "infon", "-selname," + name, path)
    check("CDO", infon.returncode == 0, f"infon: {infon.stderr.strip()}")
    lines = [line for line in infon.stdout.splitlines() if re.match(r"\s*\d+ :", line)]
    check("CDO", len(lines) == len(frames), f"infon: {len(lines)} lines for {len(frames)} fields")
    for line, frame in zip(lines, frames):
        _, head, numbers, _ = re.split(r" : *", line, maxsplit=3)
        known = frame[frame != made[name]._FillValue].astype("f8")
        size, missing = map(int, head.split()[-2:])
        found = [float(number) for number in numbers.split()]
        close = np.allclose([found[0], found[-1]], [known.min(), known.max()], rtol=1e-4, atol=1e-4)
        check("CDO", (size, missing) == (frame.size, frame.size - known.size) and close, f"infon: {line}")
    said = warnings_of(sinfo) | warnings_of(infon)
    said -= warnings_of(run("cdo", "sinfo", "-selname," + name, origin)) | warnings_of(run("cdo", "sinfo", origin))
    check("CDO", not said, f"warnings that it does not give of the source: {said}")


def check_nco(check, path, made, name):
    ncks = run("ncks", "-m", path)
    check("NCO", ncks.returncode == 0, f"ncks -m: {ncks.stderr.strip()}")
    check("NCO", f"float {name}(" in ncks.stdout, f"ncks -m: needed float {name}")


def check_xarray(check, origin, path, made, name, steps, members):
    import xarray

    own = made[name]
    wanted = decoded_all(own)
    for engine in engines():
        try:
            with xarray.open_dataset(path, engine=engine) as ours, xarray.open_dataset(origin) as theirs:
                check("xarray", alike(ours[name].values, wanted, 0.0), f"{engine}: values")
                time = own.dimensions[0]
                if own.ndim > 2 and time != "realization":
                    equal = (ours[time].values == theirs[time].values[steps.start:steps.stop]).all()
                    check("xarray", equal and ours[time].dtype == theirs[time].dtype, f"{engine}: times")
                    check("xarray", not np.issubdtype(ours[time].dtype, np.number), f"{engine}: times are not decoded")
                gone = {key for key in theirs[name].coords if not (members > 1 and "positive" in theirs[key].attrs)}
                gone -= set(ours[name].coords)
                check("xarray", not gone, f"{engine}: lost the coordinates {gone}")
        except Exception as error:  # What it raises depends on its decoders.
            check("xarray", False, f"{engine}: {type(error).__name__}: {error}")


def decoded_all(variable):
    values = variable[:]
    return np.where(values == variable._FillValue, np.float32(np.nan), values)


def engines():
    return ["netcdf4"] + ["h5netcdf"] * (installed("h5netcdf") and installed("h5py"))


def installed(module):
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def choice(path):
    """The variable, its steps, and whether members are drawn."""
    name = os.path.basename(path)
    if name in CHOSEN:
        return CHOSEN[name]
    if name.startswith("TREFHT"):
        return PCM
    with opened(path) as file:
        fields = [own for own in file.variables.values() if own.ndim in (2, 3) and "bnds" not in own.dimensions[-1]]
        return fields[0].name, (1, 1) if fields[0].ndim == 3 else None, False


def check_file(check, origin, folder, have):
    name, times, drawn = choice(origin)
    steps = range(times[0] - 1, times[1]) if times else range(0, 1)
    of = ("--variable", name, "--force", "--quiet", *(("--times", f"{times[0]}..{times[1]}") if times else ()))
    path = lambda what: os.path.join(folder, what)

    def langevin(verb, *words):
        done = run(LANGEVIN, "climate", verb, *words)
        check("written", done.returncode == 0, f"{verb} {' '.join(words)}: {done.stderr.strip()}")
        return done.returncode == 0

    source = opened(origin)
    method = ("--method", "rainfarm", "--members", str(MEMBERS)) if drawn else ("--method", "bilinear+add")
    makers = {
        "regrid.nc": ("regrid", "--refine", "2", "--method", "bilinear"),
        "downscale.nc": ("downscale", "--factor", "2", *method),
    }
    for out, words in makers.items():
        if not langevin(*words, "--input", origin, "--out", path(out), *of):
            continue
        with opened(path(out)) as made:
            members = MEMBERS if "rainfarm" in words else 1
            check_head(check, source, made, name, steps, members)
            if "lat" in getattr(made[name], "coordinates", "").split():
                check_rotation(check, made, name)
            if "cdo" in have:
                check_cdo(check, origin, path(out), made, name)
            if "ncks" in have:
                check_nco(check, path(out), made, name)
            if "xarray" in have:
                check_xarray(check, origin, path(out), made, name, steps, members)
        os.remove(path(out))
    if langevin("regrid", "--refine", "2", "--method", "nearest", "--input", origin, "--out", path("nearest.nc"), *of):
        check_values(check, langevin, source, path, name, steps)
    source.close()


def check_values(check, langevin, source, path, name, steps):
    """Cells that are repeated, and joined again, have the values of the source."""
    wanted = decoded(source[name], steps)
    longitude = source[source[name].dimensions[-1]][:]
    if abs(abs(longitude[-1] - longitude[0]) - 360) < 1e-3:
        wanted = wanted[..., :-1]  # A meridian that stands twice.
    with opened(path("nearest.nc")) as made:
        found = decoded(made[name], range(0, len(steps)))
    for i in (0, 1):
        for j in (0, 1):
            check("values", alike(found[:, i::2, j::2], wanted), f"refined by nearest, sub-cell {i}, {j}")
    del found
    if langevin("regrid", "--coarsen", "2", "--input", path("nearest.nc"), "--variable", name, "--out", path("again.nc"),
                "--force", "--quiet"):
        with opened(path("again.nc")) as made:
            check("values", alike(decoded(made[name], range(0, len(steps))), wanted), "refined and coarsened again")


def programs():
    """Those that are there, with their versions."""
    have = {}
    for program, words in (("cdo", ("--version",)), ("ncks", ("--version",))):
        if shutil.which(program):
            done = run(program, *words)
            have[program] = re.search(r"version (\S+)", done.stdout + done.stderr)[1]
    if installed("xarray"):
        have["xarray"] = importlib.import_module("xarray").__version__
    for program in ("cdo", "ncks", "xarray"):
        if program not in have:
            print(f"{program} is not installed: what it would read is not checked")
    return have


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--data", "--machine", "--date"):
        parser.add_argument(name, required=True)
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "results", "climate_files.json"))
    args = parser.parse_args()
    have = programs()
    found = [os.path.join(folder, name) for folder, _, names in os.walk(args.data) for name in names]
    rows = []
    for origin in sorted(path for path in found if path.endswith((".nc", ".cdf"))):
        check = Checks(os.path.basename(origin))
        with tempfile.TemporaryDirectory() as folder:
            check_file(check, origin, folder, have)
        rows += check.rows()
        print(check.name, {group: f"{len(bad)} of {check.asked[group]}" for group, bad in check.failed.items()}, flush=True)
    command = "python benches/peers/climate_files.py --data DATA --machine MACHINE --date DATE"
    version = run(LANGEVIN, "--version").stdout.split()[-1]
    version = ", ".join([version, *(f"{program} {number}" for program, number in have.items())])
    results_file.write(args.out, "climate_files", command, version, args.machine, args.date, rows)
    sys.exit(any(not row["holds"] for row in rows))


if __name__ == "__main__":
    main()
