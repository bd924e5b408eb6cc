#!/usr/bin/env bash
# Makes a Debian or Ubuntu machine with a Rust toolchain and a C compiler ready to build Langevin.
#
# HDF5 and NetCDF are C libraries. In this order: use them if they are
# installed; install them if we may; else build them from source inside the cargo build (feature
# static-io), for which a CMake of at least 3.26 is needed. Says what it does.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .deps

say() { echo "setup: $*"; }

write_env() { # features, extra PATH
    {
        echo "export LANGEVIN_FEATURES='$1'"
        if [ -n "${2:-}" ]; then echo "export PATH='$2':\"\$PATH\""; fi
    } > .deps/build.env
}

have_libraries() {
    if command -v pkg-config > /dev/null && pkg-config --exists hdf5 netcdf; then return 0; fi
    if [ -n "${HDF5_DIR:-}" ] && [ -d "$HDF5_DIR" ] && [ -d "${NETCDF_DIR:-}" ]; then return 0; fi
    command -v h5cc > /dev/null && command -v nc-config > /dev/null
}

cmake_is_new_enough() {
    local version
    version=$("$1" --version 2> /dev/null | sed -n '1s/[^0-9]*\([0-9]*\.[0-9]*\).*/\1/p') || return 1
    [ -n "$version" ] && [ "$(printf '3.26\n%s\n' "$version" | sort -V | head -n 1)" = 3.26 ]
}

if [ "${LANGEVIN_STATIC_IO:-0}" != 1 ]; then
    if have_libraries; then
        say "using the HDF5 and NetCDF libraries of this system"
        write_env ""
        exit 0
    fi
    as_root=""
    if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
    if command -v apt-get > /dev/null && { [ -z "$as_root" ] || $as_root true 2> /dev/null; }; then
        say "installing libhdf5-dev, libnetcdf-dev and pkg-config with apt-get"
        if $as_root apt-get update -qq &&
            $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
                libhdf5-dev libnetcdf-dev pkg-config > /dev/null; then
            write_env ""
            exit 0
        fi
        say "apt-get failed; going on without it"
    fi
fi

say "building HDF5 and NetCDF from source with the feature static-io (three to four minutes more)"
path=""
if ! cmake_is_new_enough cmake; then
    if ! cmake_is_new_enough .deps/cmake/bin/cmake; then
        say "CMake 3.26 or later is not here; installing it into .deps/cmake with pip"
        if ! python3 -m pip install --quiet --target .deps/cmake cmake; then
            echo "setup: neither root, nor CMake >= 3.26, nor pip. Install one of: libhdf5-dev, cmake, python3-pip" >&2
            exit 1
        fi
    fi
    # pip --target puts the program beside the package that it needs on its path.
    mkdir -p .deps/bin
    ln -sf "$PWD"/.deps/cmake/cmake/data/bin/cmake .deps/bin/cmake
    path="$PWD/.deps/bin"
fi
write_env "--features langevin/static-io" "$path"
