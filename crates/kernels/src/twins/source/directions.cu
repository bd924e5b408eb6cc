// Scalars of pairs along directions of pairs: φ [B, n, n, S], o [B, n, n, D], axis s of φ^s in `axes`.

// y_i^s = Σ_j φ_ij^s o_ij^{axes[s]}, a thread for each element of [B n, S].
KERNEL directed_sums(
    const real *phi, const real *o, const real *axes, real *y, count all, count n, count scalars, count directions)
{
    count at = thread_of_all();
    if (at >= all) return;
    count i = at / scalars, s = at % scalars, axis = (count)axes[s];
    real sum = 0;
    for (count pair = i * n; pair < (i + 1) * n; ++pair)
        sum += phi[pair * scalars + s] * o[pair * directions + axis];
    y[at] = sum;
}

// dφ_ij^s = g_i^s o_ij^{axes[s]}
KERNEL directed_scalars(
    const real *o, const real *axes, const real *g, real *dphi, count all, count n, count scalars, count directions)
{
    count at = thread_of_all();
    if (at >= all) return;
    count pair = at / scalars, s = at % scalars;
    dphi[at] = g[pair / n * scalars + s] * o[pair * directions + (count)axes[s]];
}

// do_ij^a = Σ of φ_ij^s g_i^s over the s of axis a
KERNEL directed_directions(
    const real *phi, const real *axes, const real *g, real *d_o, count all, count n, count scalars, count directions)
{
    count at = thread_of_all();
    if (at >= all) return;
    count pair = at / directions, axis = at % directions;
    real sum = 0;
    for (count s = 0; s < scalars; ++s)
        if ((count)axes[s] == axis) sum += phi[pair * scalars + s] * g[pair / n * scalars + s];
    d_o[at] = sum;
}
