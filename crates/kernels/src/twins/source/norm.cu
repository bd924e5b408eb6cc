// Layer norm and RMS norm of rows, a warp for each row.

// (mean, 1/√(variance + eps)) of a row, or (0, 1/√(mean square + eps)) where it is not centred.
__device__ void moments_of(const real *x, count width, count centred, real eps, real *mean, real *scale)
{
    real sum = 0;
    if (centred) {
        for (count i = lane(); i < width; i += 32) sum += x[i];
        sum = warp_sum(sum) / (real)width;
    }
    real squares = 0;
    for (count i = lane(); i < width; i += 32) squares += (x[i] - sum) * (x[i] - sum);
    *mean = sum;
    *scale = (real)1 / sqrt(warp_sum(squares) / (real)width + eps);
}

// y = w x̂ + b
KERNEL norm_value(
    const real *x, const real *w, const real *b, real *y, count rows, count width, count centred, real eps)
{
    count row = warp_of_all();
    if (row >= rows) return;
    x += row * width, y += row * width;
    real mean, scale;
    moments_of(x, width, centred, eps, &mean, &scale);
    for (count i = lane(); i < width; i += 32) y[i] = w[i] * ((x[i] - mean) * scale) + b[i];
}

// J v = s (v − mean v − x̂ mean(v x̂)), which is symmetric: the adjoint is J (w v), the tangent w (J v).
__device__ void jacobian(
    const real *x, const real *v, const real *before, const real *behind, real *y,
    count width, count centred, real mean, real scale)
{
    real sum = 0, along = 0;
    for (count i = lane(); i < width; i += 32) {
        real u = before ? v[i] * before[i] : v[i];
        sum += u;
        along += u * (x[i] - mean) * scale;
    }
    sum = centred ? warp_sum(sum) / (real)width : (real)0;
    along = warp_sum(along) / (real)width;
    for (count i = lane(); i < width; i += 32) {
        real u = before ? v[i] * before[i] : v[i];
        real j = scale * (u - sum - (x[i] - mean) * scale * along);
        y[i] = behind ? j * behind[i] : j;
    }
}

// dx from the gradient g of y; moments [rows, 2] for the weights' gradients.
KERNEL norm_adjoint(
    const real *x, const real *w, const real *g, real *dx, real *moments,
    count rows, count width, count centred, real eps)
{
    count row = warp_of_all();
    if (row >= rows) return;
    x += row * width, g += row * width, dx += row * width;
    real mean, scale;
    moments_of(x, width, centred, eps, &mean, &scale);
    jacobian(x, g, w, 0, dx, width, centred, mean, scale);
    if (lane() == 0) moments[2 * row] = mean, moments[2 * row + 1] = scale;
}

KERNEL norm_tangent(
    const real *x, const real *dx, const real *w, real *y, count rows, count width, count centred, real eps)
{
    count row = warp_of_all();
    if (row >= rows) return;
    x += row * width, dx += row * width, y += row * width;
    real mean, scale;
    moments_of(x, width, centred, eps, &mean, &scale);
    jacobian(x, dx, 0, w, y, width, centred, mean, scale);
}

// Σ g x̂ and Σ g over blocks of rows, [2, blocks, width]: parts of the gradients of w and b.
KERNEL norm_weights(
    const real *x, const real *g, const real *moments, real *y, count rows, count width, count block)
{
    count blocks = (rows + block - 1) / block;
    count at = thread_of_all();
    if (at >= blocks * width) return;
    count i = at % width, first = at / width * block;
    count behind = first + block < rows ? first + block : rows;
    real dw = 0, db = 0;
    for (count row = first; row < behind; ++row) {
        real slope = g[row * width + i];
        dw += slope * (x[row * width + i] - moments[2 * row]) * moments[2 * row + 1];
        db += slope;
    }
    y[at] = dw;
    y[blocks * width + at] = db;
}
