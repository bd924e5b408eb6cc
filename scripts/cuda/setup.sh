#!/usr/bin/env bash
# Makes a machine ready to build Langevin for NVIDIA GPUs; a GPU is not needed for that.
#
# The CUDA toolkit is that of CUDA_HOME, or else that of the nvcc on the path if its libraries lie
# beside it, or else one put together from pip wheels in .deps/cuda. CUDA_COMPUTE_CAP chooses the GPUs
# that the program is for: 75 to 89 for these and all later ones, from 90 for these alone. Without it,
# it is 80 (Ampere), or less where a GPU of this machine is older. Writes .deps/cuda.env.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../.."

say() { echo "setup: $*"; }
fail() {
    echo "setup: $*" >&2
    exit 1
}

deps="$PWD/.deps/cuda"
mkdir -p "$deps"

toolkit_from_wheels() {
    local version=13.0.88 home="$deps/wheels/nvidia/cu13"
    if [ ! -x "$home/bin/nvcc" ]; then
        say "no CUDA toolkit is here: assembling one in .deps/cuda with pip (1.3 GB)" >&2
        rm -rf "$deps/wheels"
        python3 -m pip install --quiet --target "$deps/wheels" \
            nvidia-cuda-nvcc==$version nvidia-cuda-crt==$version nvidia-cuda-nvrtc==$version \
            nvidia-nvvm==$version nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85 \
            nvidia-cublas==13.1.0.3 nvidia-curand==10.4.0.35 >&2 ||
            fail "pip could not fetch the toolkit; set CUDA_HOME to one, or install python3-pip"
    fi
    echo "$home"
}

libraries_of() { # the folder of a toolkit that has CUDA's libraries; fails if there is none
    for folder in lib64 lib targets/x86_64-linux/lib; do
        if [ -e "$1/$folder/libcudart_static.a" ]; then
            echo "$1/$folder"
            return
        fi
    done
    return 1
}

[ "$(uname -m)" = x86_64 ] || fail "this is $(uname -m); programs for GPUs are built on x86-64 only"
if [ -n "${CUDA_HOME:-}" ]; then
    [ -x "$CUDA_HOME/bin/nvcc" ] || fail "CUDA_HOME is $CUDA_HOME, but $CUDA_HOME/bin/nvcc is not there"
    toolkit="$(cd "$CUDA_HOME" && pwd)"
    libraries_of "$toolkit" > /dev/null ||
        fail "$toolkit has no libcudart_static.a in lib64, lib or targets/x86_64-linux/lib"
else
    toolkit=""
    if command -v nvcc > /dev/null; then
        toolkit="$(dirname "$(dirname "$(readlink -f "$(command -v nvcc)")")")"
    fi
    if [ -z "$toolkit" ] || ! libraries_of "$toolkit" > /dev/null; then
        toolkit="$(toolkit_from_wheels)"
    fi
fi
libraries="$(libraries_of "$toolkit")"
say "the CUDA toolkit is $toolkit"

# A folder of libraries for the linker: the runtime as it is, and for each of the others a
# stand-in that looks for it when it is first needed (late.c).
link="$deps/link"
rm -rf "$link"
mkdir -p "$link/lib"
ln -s "$libraries/libcudart_static.a" "$link/lib/libcudart.a"

stand_in() { # library, its name for the loader, its companion's, advice, folder; reads its functions
    local names="$link/$1.h"
    sort -u | sed 's/.*/NAME(&)/' > "$names"
    [ -s "$names" ] || fail "found no functions of lib$1"
    gcc -O2 -fPIC -c "$here/late.c" -o "$link/$1.o" -DNAMES="\"$names\"" \
        -DLIBRARY="\"$2\"" -DCOMPANION="\"$3\"" -DADVICE="\"$4\"" -DFOLDER="\"$5\""
    ar rcs "$link/lib/lib$1.a" "$link/$1.o"
}

grep -oE '\bcu[A-Z][A-Za-z0-9_]*' "$toolkit/include/cuda.h" |
    stand_in cuda libcuda.so.1 "" \
        "this machine needs an NVIDIA GPU with its driver, or leave the option away" ""

versioned() { # the name of a library with its version, as short as it comes
    find -L "$libraries" -maxdepth 1 -name "lib$1.so.*" -printf '%f\n' | awk '{print length, $0}' |
        sort -n | head -n 1 | cut -d ' ' -f 2-
}
for name in cublas cublasLt curand nvrtc; do
    file="$(versioned "$name")"
    [ -n "$file" ] || fail "$libraries has no lib$name.so"
    companion=""
    if [ "$name" = nvrtc ]; then companion="$(versioned nvrtc-builtins)"; fi
    nm -D --defined-only "$libraries/$file" | awk '$2 == "T" { sub("@.*", "", $3); print $3 }' |
        grep -E '^[A-Za-z_][A-Za-z0-9_]*$' |
        stand_in "$name" "$file" "$companion" \
            "set LD_LIBRARY_PATH or CUDA_HOME to a CUDA toolkit that has it" "$libraries"
done

gcc "$here/check.c" -o "$link/check" -L "$link/lib" -lnvrtc -ldl
"$link/check" || fail "the stand-ins for CUDA's libraries do not work"

capability="${CUDA_COMPUTE_CAP:-}"
if [ -z "$capability" ]; then
    # The oldest GPU here, if there is one that tells.
    found="$( (nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2> /dev/null || true) |
        { grep -E '^[0-9]+\.[0-9]+$' || true; } | tr -d . | sort -n | head -n 1)"
    capability=80
    if [ -n "$found" ] && [ "$found" -lt 80 ]; then capability="$found"; fi
fi
[[ "$capability" =~ ^[0-9]{2,3}[af]?$ ]] || fail "CUDA_COMPUTE_CAP is $capability, allowed: a number as 80"
say "for GPUs of compute capability $capability$([ "${capability%[af]}" -ge 90 ] || echo " and later")"

cat > .deps/cuda.env <<END
export CUDA_HOME='$link' CUDA_COMPUTE_CAP='$capability' NVCC='$toolkit/bin/nvcc'
export PATH='$toolkit/bin':"\$PATH"
END
