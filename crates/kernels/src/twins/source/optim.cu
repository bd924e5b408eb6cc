// The optimiser's arithmetic, on all parameters behind one another.

// Sums of squares, those of y[b] at b, b + `sums`, …: neighbours read neighbours.
KERNEL squares(const real *x, real *y, count n, count sums)
{
    count at = thread_of_all();
    if (at >= sums) return;
    real sum = 0;
    for (count i = at; i < n; i += sums) sum += x[i] * x[i];
    y[at] = sum;
}

// AdamW where a parameter `has` a gradient, which is multiplied by `clip` first: the new parameter and moments.
KERNEL adamw(
    const real *theta, const real *g, const real *m, const real *v, const real *has,
    real *theta_new, real *m_new, real *v_new, count n,
    real clip, real rest1, real beta2, real rest2, real shrink, real rate, real root, real eps)
{
    count i = thread_of_all();
    if (i >= n) return;
    if (has[i] == (real)0) {
        theta_new[i] = theta[i], m_new[i] = m[i], v_new[i] = v[i];
        return;
    }
    real slope = g[i] * clip;
    real first = m[i] + rest1 * (slope - m[i]);
    real second = beta2 * v[i] + rest2 * slope * slope;
    m_new[i] = first;
    v_new[i] = second;
    theta_new[i] = theta[i] * shrink - rate * first / (sqrt(second) * root + eps);
}

// The average after it moved towards theta by `weight`.
KERNEL average(const real *theta, const real *before, real *y, count n, real weight)
{
    count i = thread_of_all();
    if (i < n) y[i] = before[i] + weight * (theta[i] - before[i]);
}
