// Softmax of rows, a warp for each row.

KERNEL softmax_value(const real *x, real *y, count rows, count width)
{
    count row = warp_of_all();
    if (row >= rows) return;
    x += row * width, y += row * width;
    real top = x[0];
    for (count i = lane(); i < width; i += 32) top = x[i] > top || x[i] != x[i] ? x[i] : top;
    top = warp_largest(top);
    real sum = 0;
    for (count i = lane(); i < width; i += 32) sum += exp(x[i] - top);
    real inverse = (real)1 / warp_sum(sum);
    for (count i = lane(); i < width; i += 32) y[i] = exp(x[i] - top) * inverse;
}

// out = y (v − ⟨y, v⟩): adjoint and tangent, the Jacobian being symmetric.
KERNEL softmax_jacobian(const real *y, const real *v, real *out, count rows, count width)
{
    count row = warp_of_all();
    if (row >= rows) return;
    y += row * width, v += row * width, out += row * width;
    real along = 0;
    for (count i = lane(); i < width; i += 32) along += y[i] * v[i];
    along = warp_sum(along);
    for (count i = lane(); i < width; i += 32) out[i] = y[i] * (v[i] - along);
}
