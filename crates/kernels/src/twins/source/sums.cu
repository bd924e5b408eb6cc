// Sums over an axis and their adjoint.

// y[o, i] = Σ_c x[o, c, i] over `many` c, those of one y in blocks of `block`: [outer, many, inner] to
// [outer, ceil(many / block), inner].
KERNEL sums(const real *x, real *y, count outer, count many, count inner, count block)
{
    // Of nothing there is a sum too.
    count blocks = many > block ? (many + block - 1) / block : 1;
    count at = thread_of_all();
    if (at >= outer * blocks * inner) return;
    count i = at % inner, first = at / inner % blocks * block, o = at / (inner * blocks);
    count behind = first + block < many ? first + block : many;
    const real *column = x + o * many * inner + i;
    real sum = 0;
    for (count c = first; c < behind; ++c) sum += column[c * inner];
    y[at] = sum;
}

// y[o, c, i] = x[o, i] of `n` elements in all.
KERNEL spread(const real *x, real *y, count n, count many, count inner)
{
    count at = thread_of_all();
    if (at < n) y[at] = x[at / (inner * many) * inner + at % inner];
}
