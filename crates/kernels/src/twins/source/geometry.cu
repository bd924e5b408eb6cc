// Differences of points, x: [B, n, dim]. Pairs are those of pair.cu.

__device__ real difference(const real *x, count i, count j, count d, count dim)
{
    return x[i * dim + d] - x[j * dim + d];
}

// Σ_d (a_i − a_j)_d (b_i − b_j)_d
__device__ real product_of(const real *a, const real *b, count i, count j, count dim)
{
    real sum = 0;
    for (count d = 0; d < dim; ++d) sum += difference(a, i, j, d, dim) * difference(b, i, j, d, dim);
    return sum;
}

// y_ij = |x_i − x_j|²
KERNEL squared_distances(const real *x, real *y, count pairs, count n, count dim)
{
    count pair = thread_of_all();
    if (pair >= pairs) return;
    count i = pair / n, j = i / n * n + pair % n;
    y[pair] = product_of(x, x, i, j, dim);
}

// y_ij = 2 (x_i − x_j) · (dx_i − dx_j)
KERNEL squared_distances_tangent(const real *x, const real *dx, real *y, count pairs, count n, count dim)
{
    count pair = thread_of_all();
    if (pair >= pairs) return;
    count i = pair / n, j = i / n * n + pair % n;
    y[pair] = (real)2 * product_of(x, dx, i, j, dim);
}

// y_i = 2 Σ_j (g_ij + g_ji) (x_i − x_j), a thread for each coordinate.
KERNEL squared_distances_adjoint(const real *x, const real *g, real *y, count all, count n, count dim)
{
    count at = thread_of_all();
    if (at >= all) return;
    count i = at / dim, d = at % dim, sample = i / n * n;
    real sum = 0;
    for (count j = sample; j < sample + n; ++j) {
        real both = g[i * n + (j - sample)] + g[j * n + (i - sample)];
        sum += both * difference(x, i, j, d, dim);
    }
    y[at] = (real)2 * sum;
}

__device__ real length_of(const real *x, count i, count j, count dim, real eps)
{
    return sqrt(product_of(x, x, i, j, dim) + eps);
}

// y_i = Σ_{j ≠ i} φ_ij (x_i − x_j) / (√(d²_ij + eps) + offset)
KERNEL displacement_sums(
    const real *x, const real *phi, real *y, count all, count n, count dim, real offset, real eps)
{
    count at = thread_of_all();
    if (at >= all) return;
    count i = at / dim, d = at % dim, sample = i / n * n;
    real sum = 0;
    for (count j = sample; j < sample + n; ++j) {
        if (j == i) continue;
        real weight = phi[i * n + (j - sample)] / (length_of(x, i, j, dim, eps) + offset);
        sum += weight * difference(x, i, j, d, dim);
    }
    y[at] = sum;
}

// The tangent along (dx, dφ).
KERNEL displacement_tangent(
    const real *x, const real *dx, const real *phi, const real *dphi, real *y,
    count all, count n, count dim, real offset, real eps)
{
    count at = thread_of_all();
    if (at >= all) return;
    count i = at / dim, d = at % dim, sample = i / n * n;
    real sum = 0;
    for (count j = sample; j < sample + n; ++j) {
        if (j == i) continue;
        real length = length_of(x, i, j, dim, eps), scale = (real)1 / (length + offset);
        real weight = phi[i * n + (j - sample)] * scale;
        real along = product_of(x, dx, i, j, dim) / length;
        real dweight = dphi[i * n + (j - sample)] * scale - weight * scale * along;
        sum += dweight * difference(x, i, j, d, dim) + weight * difference(dx, i, j, d, dim);
    }
    y[at] = sum;
}

// The gradient that φ_ij (x_i − x_j) / (ℓ + offset) passes to (x_i − x_j)_d from the gradient of y_i.
__device__ real of_difference(
    const real *x, const real *g, real phi, count i, count j, count d, count dim, real offset, real eps)
{
    real length = length_of(x, i, j, dim, eps), scale = (real)1 / (length + offset);
    real along = 0;
    for (count k = 0; k < dim; ++k) along += g[i * dim + k] * difference(x, i, j, k, dim);
    return phi * scale * (g[i * dim + d] - along * scale / length * difference(x, i, j, d, dim));
}

// dx from the gradient g of y.
KERNEL displacement_adjoint(
    const real *x, const real *phi, const real *g, real *dx, count all, count n, count dim, real offset, real eps)
{
    count at = thread_of_all();
    if (at >= all) return;
    count i = at / dim, d = at % dim, sample = i / n * n;
    real sum = 0;
    for (count j = sample; j < sample + n; ++j) {
        if (j == i) continue;
        sum += of_difference(x, g, phi[i * n + (j - sample)], i, j, d, dim, offset, eps);
        sum -= of_difference(x, g, phi[j * n + (i - sample)], j, i, d, dim, offset, eps);
    }
    dx[at] = sum;
}

// dφ_ij = g_i · (x_i − x_j) / (ℓ + offset)
KERNEL displacement_weights(
    const real *x, const real *g, real *dphi, count pairs, count n, count dim, real offset, real eps)
{
    count pair = thread_of_all();
    if (pair >= pairs) return;
    count i = pair / n, j = i / n * n + pair % n;
    real along = 0;
    for (count d = 0; d < dim; ++d) along += g[i * dim + d] * difference(x, i, j, d, dim);
    dphi[pair] = i == j ? (real)0 : along / (length_of(x, i, j, dim, eps) + offset);
}
