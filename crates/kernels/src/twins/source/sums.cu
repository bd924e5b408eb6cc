// Sums over an axis and their adjoint.

// y[o, i] = Σ_c x[o, c, i] over `many` c, in `parts` parts: part p has the c that leave p when divided by `parts`, so that
// neighbours read neighbours. [outer, many, inner] to [outer, parts, inner].
KERNEL sums(const real *x, real *y, count outer, count many, count inner, count parts)
{
    count at = thread_of_all();
    if (at >= outer * parts * inner) return;
    count i = at % inner, part = at / inner % parts, o = at / (inner * parts);
    const real *column = x + o * many * inner + i;
    real sum = 0;
    for (count c = part; c < many; c += parts) sum += column[c * inner];
    y[at] = sum;
}

// y[o, c, i] = x[o, i] of `n` elements in all.
KERNEL spread(const real *x, real *y, count n, count many, count inner)
{
    count at = thread_of_all();
    if (at < n) y[at] = x[at / (inner * many) * inner + at % inner];
}
