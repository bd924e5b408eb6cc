// A sparse matrix along an axis: row j has the entries from offsets[j] to offsets[j + 1], each a column and a weight. The
// places are whole numbers that `real` holds exactly.

// y[o, j, i] = Σ weight x[o, column, i] of [outer, columns, inner].
KERNEL along(
    const real *x, const real *offsets, const real *columns, const real *weights, real *y,
    count all, count rows, count sources, count inner)
{
    count at = thread_of_all();
    if (at >= all) return;
    count i = at % inner, j = at / inner % rows, o = at / (inner * rows);
    const real *slice = x + o * sources * inner + i;
    count behind = (count)offsets[j + 1];
    real sum = 0;
    for (count e = (count)offsets[j]; e < behind; ++e) sum += weights[e] * slice[(count)columns[e] * inner];
    y[at] = sum;
}
