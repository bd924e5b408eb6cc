// What stands between the products of a pair block. Pairs are [B, n, n]: pair p is of the points i = p / n of all
// samples and j = p % n of the same sample; a point is no pair with itself.

__device__ bool is_of_two(count pair, count n) { return pair / n % n != pair % n; }

// a_i + b_j + z_ij at element `at` of [B, n, n, width].
__device__ real first_layer(const real *a, const real *b, const real *z, count at, count n, count width)
{
    count pair = at / width, h = at % width;
    count i = pair / n, j = i / n * n + pair % n;
    return a[i * width + h] + b[j * width + h] + z[at];
}

KERNEL pair_first(
    const real *a, const real *b, const real *z, real *y, count all, count n, count width, count kind)
{
    count at = thread_of_all();
    if (at < all) y[at] = sigma(kind, first_layer(a, b, z, at, n, width));
}

// y = v σ'(a_i + b_j + z_ij)
KERNEL pair_first_times(
    const real *a, const real *b, const real *z, const real *v, real *y,
    count all, count n, count width, count kind)
{
    count at = thread_of_all();
    if (at < all) y[at] = v[at] * slope(kind, first_layer(a, b, z, at, n, width));
}

// a_i + b_j + z_ij
KERNEL pair_first_sum(const real *a, const real *b, const real *z, real *y, count all, count n, count width)
{
    count at = thread_of_all();
    if (at < all) y[at] = first_layer(a, b, z, at, n, width);
}

// 1 / (1 + exp(−w · m − b)) of pairs of two points, a warp for each pair.
KERNEL gate_value(const real *m, const real *w, const real *b, real *y, count pairs, count n, count width)
{
    count pair = warp_of_all();
    if (pair >= pairs) return;
    m += pair * width;
    real z = 0;
    for (count h = lane(); h < width; h += 32) z += w[h] * m[h];
    z = warp_sum(z) + b[0];
    if (lane() == 0) y[pair] = is_of_two(pair, n) ? sigmoid(z) : (real)0;
}

// y_i = Σ_j gate_ij m_ij, a thread for each element of [B n, width].
KERNEL gated_sums(const real *m, const real *gate, real *y, count all, count n, count width)
{
    count at = thread_of_all();
    if (at >= all) return;
    count i = at / width, h = at % width;
    real sum = 0;
    for (count j = 0; j < n; ++j) sum += gate[i * n + j] * m[(i * n + j) * width + h];
    y[at] = sum;
}

// From the gradient g of the sums: dm, and dz of the gates' z; a warp for each pair.
KERNEL gate_adjoint(
    const real *m, const real *w, const real *gate, const real *g, real *dm, real *dz,
    count pairs, count n, count width)
{
    count pair = warp_of_all();
    if (pair >= pairs) return;
    m += pair * width, dm += pair * width, g += pair / n * width;
    real along = 0;
    for (count h = lane(); h < width; h += 32) along += g[h] * m[h];
    real open = gate[pair];
    real slope = warp_sum(along) * open * ((real)1 - open);
    for (count h = lane(); h < width; h += 32) dm[h] = open * g[h] + slope * w[h];
    if (lane() == 0) dz[pair] = slope;
}

// The tangent of gates along dm.
KERNEL gate_tangent(const real *dm, const real *w, const real *gate, real *y, count pairs, count width)
{
    count pair = warp_of_all();
    if (pair >= pairs) return;
    dm += pair * width;
    real dz = 0;
    for (count h = lane(); h < width; h += 32) dz += w[h] * dm[h];
    real open = gate[pair];
    dz = warp_sum(dz) * open * ((real)1 - open);
    if (lane() == 0) y[pair] = dz;
}

// y_i = Σ_{j ≠ i} m_ij
KERNEL pair_sums(const real *m, real *y, count all, count n, count width)
{
    count at = thread_of_all();
    if (at >= all) return;
    count i = at / width, h = at % width;
    real sum = 0;
    for (count j = 0; j < n; ++j)
        if (j != i % n) sum += m[(i * n + j) * width + h];
    y[at] = sum;
}

// y_ij = x_i off the diagonal, 0 on it: the adjoint of pair_sums.
KERNEL pair_spread(const real *x, real *y, count all, count n, count width)
{
    count at = thread_of_all();
    if (at >= all) return;
    count pair = at / width;
    y[at] = is_of_two(pair, n) ? x[pair / n * width + at % width] : (real)0;
}

// y_ij = x_ij off the diagonal, 0 on it.
KERNEL without_diagonal(const real *x, real *y, count all, count n, count width)
{
    count at = thread_of_all();
    if (at < all) y[at] = is_of_two(at / width, n) ? x[at] : (real)0;
}
